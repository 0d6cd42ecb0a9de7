-- One row per memory that has a vector of the content it shows at as_of; read as real[], which is fastest.
with vectors as (
    select * from {{ stored_vectors() }}
),

memories as (
    select memory_id, content_hash from {{ ref('stg_memories') }}
),

final as (
    select vectors.memory_id, vectors.embedding_model, cast(vectors.embedding as float[]) as embedding
    from vectors
    inner join memories using (memory_id, content_hash)
)

select * from final
