-- One row per item: how often and when it was last attended to, brought to mind and replayed, and whether its owner has
-- pinned it.
{{ config(materialized='view') }}
with presentations as (
    select * from {{ ref('ltm_presentations') }}
),

events as (
    select * from {{ ref('stg_events') }}
    where kind in ('pinned', 'unpinned')
),

memories as (
    select memory_id, item_id from {{ ref('stg_memories') }}
),

presented as (
    select
        item_id,
        cast(count(*) filter (where kind = 'attention') as integer) as access_count,
        max(occurred_at) filter (where kind = 'attention') as last_accessed_at,
        cast(count(*) filter (where kind = 'reminding') as integer) as reminding_count,
        cast(count(*) filter (where kind = 'replay') as integer) as rehearsal_count,
        cast(count(*) as integer) as presentation_count,
        {{ exact_sum('strength') }} / count(*) as presentation_strength,
        max(occurred_at) as last_presented_at
    from presentations
    group by item_id
),

pins as (
    select memories.item_id, arg_max(events.kind, (events.occurred_at, events.event_id)) = 'pinned' as pinned
    from events
    inner join memories using (memory_id)
    group by memories.item_id
),

final as (
    select presented.*, coalesce(pins.pinned, false) as pinned
    from presented
    left join pins using (item_id)
)

select * from final
