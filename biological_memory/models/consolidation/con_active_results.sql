-- One row per search, agent and item among its results: how active it was. At most nine are active at once: those that
-- were opened or cited, then by rank.
{{ config(materialized='view') }}
with events as (
    select * from {{ ref('stg_events') }}
    where kind in ('opened', 'cited', 'listed') and query_id is not null
),

memories as (
    select memory_id, item_id, agent from {{ ref('stg_memories') }}
),

results as (
    select
        memories.agent,
        cast(events.query_id as varchar) as occasion,
        min(events.occurred_at) over (partition by memories.agent, events.query_id) as occurred_at,
        memories.item_id,
        if(events.kind = 'listed', 0.5, 1.0) as activity,
        events.rank
    from events
    inner join memories using (memory_id)
),

final as (
    select agent, occasion, occurred_at, item_id, max(activity) as activity
    from results
    group by agent, occasion, occurred_at, item_id
    qualify row_number() over (partition by agent, occasion order by max(activity) desc, min(rank), item_id) <= 9
)

select * from final
