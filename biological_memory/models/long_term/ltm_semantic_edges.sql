-- One row per memory and similar earlier memory.
{{ config(materialized='view') }}
with nearest as (
    select * from {{ ref('ltm_nearest') }}
),

memories as (
    select memory_id, created_at from {{ ref('stg_memories') }}
),

found as (
    select nearest.memory_id as later_id, memories.created_at, nearest.neighbour_ids, nearest.similarities
    from nearest
    inner join memories using (memory_id)
),

final as (
    select later_id, unnest(neighbour_ids) as earlier_id, unnest(similarities) as cosine_similarity, created_at
    from found
)

select * from final
