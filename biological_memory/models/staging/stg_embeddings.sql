-- One row per memory that has a vector of the content it shows at as_of; read as real[], which is fastest. Vectors of a
-- model have as many dimensions as the longest of them.
with vectors as materialized (
    select * from {{ stored_vectors() }}
),

memories as (
    select memory_id, content_hash from {{ ref('stg_memories') }}
),

models as (
    select embedding_model, max(len(embedding)) as dimensions from vectors
    group by embedding_model
),

final as (
    select
        vectors.memory_id,
        vectors.embedding_model,
        cast(list_resize(vectors.embedding, models.dimensions, 0) as float[]) as embedding
    from vectors
    inner join memories using (memory_id, content_hash)
    inner join models using (embedding_model)
)

select * from final
