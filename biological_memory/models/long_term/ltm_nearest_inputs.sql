-- One row per memory with a vector: its place in time, and a fingerprint of all memories up to it (an exclusive or of
-- their hashes), so that a late, edited or deleted memory affects only those after it.
with embeddings as (
    select memory_id, embedding_model, embedding_hash from {{ ref('stg_embeddings') }}
),

memories as (
    select memory_id, agent, created_at from {{ ref('stg_memories') }}
),

centroids as (
    select agent, embedding_model, max(version) as version
    from {{ ref('ltm_centroids') }}
    group by agent, embedding_model
),

final as (
    select
        embeddings.memory_id,
        memories.agent,
        embeddings.embedding_model,
        cast(row_number() over up_to as integer) as time_position,
        hash(
            {{ rows_hash('embeddings.memory_id, embeddings.embedding_hash') }} over up_to,
            centroids.version,
            '{{ var("semantic_neighbours") }} {{ var("semantic_similarity") }}'
        ) as fingerprint
    from embeddings
    inner join memories using (memory_id)
    inner join centroids using (agent, embedding_model)
    window up_to as (
        partition by memories.agent, embeddings.embedding_model
        order by memories.created_at, embeddings.memory_id rows unbounded preceding
    )
)

select * from final
