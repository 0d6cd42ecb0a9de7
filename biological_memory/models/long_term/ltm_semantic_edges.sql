-- One row per memory and near earlier memory.
with nearest as (
    select * from {{ ref('ltm_nearest') }}
),

memories as (
    select memory_id, created_at from {{ ref('stg_memories') }}
),

edges as (
    select memory_id as later_id, unnest(neighbour_ids) as earlier_id, unnest(similarities) as cosine_similarity
    from nearest
),

final as (
    select edges.later_id, edges.earlier_id, edges.cosine_similarity, memories.created_at
    from edges
    inner join memories on memories.memory_id = edges.later_id
)

select * from final
