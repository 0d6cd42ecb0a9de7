-- One row per event that presented an item: it was attended to by day, or replayed at night.
{{ config(materialized='view') }}
with attended as (
    select item_id, agent, occurred_at, false as is_rehearsal from {{ ref('attention_events') }}
),

events as (
    select * from {{ ref('stg_events') }}
    where kind = 'rehearsed'
),

memories as (
    select memory_id, item_id, agent from {{ ref('stg_memories') }}
),

rehearsed as (
    select memories.item_id, memories.agent, events.occurred_at, true as is_rehearsal
    from events
    inner join memories using (memory_id)
),

final as (
    select * from attended
    union all by name
    select * from rehearsed
)

select * from final
