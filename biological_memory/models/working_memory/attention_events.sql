-- One row per event in which an item was attended to: stored, edited, stored again, recalled or reviewed.
-- The chunks of a document form one item, which is created once, with its first chunk.
with events as (
    select * from {{ ref('stg_events') }}
),

memories as (
    select memory_id, item_id, chunk_index, agent from {{ ref('stg_memories') }}
),

final as (
    select
        events.event_id,
        memories.item_id,
        memories.agent,
        events.kind,
        events.occurred_at,
        coalesce(events.grade, 3) as grade
    from events
    inner join memories using (memory_id)
    where
        events.kind in ('created', 'upserted', 'edited', 'opened', 'cited', 'reviewed')
        and (memories.chunk_index = 1 or events.kind not in ('created', 'edited', 'upserted'))
)

select * from final
