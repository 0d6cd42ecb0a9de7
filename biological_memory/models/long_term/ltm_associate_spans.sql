-- One row per item and instant of its co-activations: how many ties to associates it has from then until the next one.
{{ config(materialized='view') }}
with ties as (
    select * from {{ ref('ltm_associates') }}
),

final as (
    select
        item_id,
        occurred_at,
        sum(count(*)) over so_far as tie_count,
        lead(occurred_at) over so_far as next_at
    from ties
    group by item_id, occurred_at
    window so_far as (partition by item_id order by occurred_at)
)

select * from final
