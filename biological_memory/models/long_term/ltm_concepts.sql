-- One row per memory and each of its concepts.
{{ config(materialized='view') }}
with lists as (
    select * from {{ ref('ltm_meanings') }}
),

final as (
    select
        memory_id,
        item_id,
        agent,
        created_at,
        unnest(concepts) as concept
    from lists
)

select * from final
