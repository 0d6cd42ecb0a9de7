-- One row per time that an item was attended to after its creation, or brought to mind by a new one.
{{ config(materialized='view') }}
with attended as (
    select item_id, occurred_at from {{ ref('attention_events') }}
    where kind <> 'created'
),

reminded as (
    select item_id, occurred_at from {{ ref('con_remindings') }}
),

final as (
    select * from attended
    union all
    select * from reminded
)

select * from final
