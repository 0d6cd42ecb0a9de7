-- One row per memory that has a vector of the content it shows at as_of: a fingerprint of what the vector rests on.
with writers as (
    select * from {{ stored_vector_writers() }}
),

memories as (
    select memory_id, content_hash from {{ ref('stg_memories') }}
),

final as (
    select memory_id, content_hash, hash(content_hash, embedding_model, written_at) as fingerprint
    from writers
    inner join memories using (memory_id, content_hash)
)

select * from final
