-- One row per event that had happened, and was recorded, by as_of. Dates before the year 1 count as its first instant.
with events as (
    select * from {{ source('dreams', 'recall_events') }}
),

known as (
    select
        event_id,
        memory_id,
        kind,
        grade,
        query_id,
        rank,
        greatest(occurred_at, timestamptz '0001-01-01 00:00:00+00') as occurred_at
    from events
    where occurred_at <= {{ as_of() }} and recorded_at <= {{ as_of() }}
)

select * from known
