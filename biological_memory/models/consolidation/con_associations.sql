-- One row per item with Hebbian edges: the sum of their weights, all scaled to the latest night in any of them.
{{ config(materialized='view') }}
with edges as (
    select * from {{ ref('con_hebbian_edges') }}
),

ends as (
    select memory_a as item_id, weight, scaled_through from edges
    union all
    select memory_b, weight, scaled_through from edges
),

-- Many edges of an item share a night: their weights are summed before scaling.
by_night as (
    select item_id, scaled_through, {{ exact_sum('weight') }} as weight from ends
    group by item_id, scaled_through
),

latest as (
    select *, max(scaled_through) over (partition by item_id) as association_night from by_night
),

final as (
    select
        item_id,
        association_night,
        {{ exact_sum(waned('weight', "datediff('day', scaled_through, association_night)")) }} as association_sum
    from latest
    group by item_id, association_night
)

select * from final
