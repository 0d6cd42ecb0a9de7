-- One row per event that had happened, and was known, at as_of.
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
        occurred_at
    from events
    where occurred_at <= {{ as_of() }} and recorded_at <= {{ as_of() }}
)

select * from known
