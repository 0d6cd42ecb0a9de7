-- One row per co-activation and each of its two items, with the other as its associate.
{{ config(materialized='view') }}
with coactivations as (
    select * from {{ ref('con_coactivations') }}
),

final as (
    select memory_a as item_id, memory_b as associate_id, occurred_at from coactivations
    union all
    select memory_b, memory_a, occurred_at from coactivations
)

select * from final
