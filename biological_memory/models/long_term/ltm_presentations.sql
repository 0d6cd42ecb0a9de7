-- One row per event that presented an item: it was attended to by day, came to mind beside a new one, or was replayed
-- at night.
{{ config(materialized='view') }}
with attended as (
    select event_id, item_id, agent, occurred_at, 'attention' as kind, 1.0 as strength
    from {{ ref('attention_events') }}
),

reminded as (
    select cue_id as event_id, item_id, agent, occurred_at, 'reminding' as kind, strength
    from {{ ref('con_remindings') }}
),

events as (
    select * from {{ ref('stg_events') }}
    where kind = 'rehearsed'
),

memories as (
    select memory_id, item_id, agent from {{ ref('stg_memories') }}
),

rehearsed as (
    select events.event_id, memories.item_id, memories.agent, events.occurred_at, 'replay' as kind, 1.0 as strength
    from events
    inner join memories using (memory_id)
),

final as (
    select * from attended
    union all by name
    select * from reminded
    union all by name
    select * from rehearsed
)

select * from final
