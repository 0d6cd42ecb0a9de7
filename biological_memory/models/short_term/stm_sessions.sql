-- One row per item: the session it belongs to; a session ends after a silence.
with memories as (
    select * from {{ ref('stg_memories') }}
),

items as (
    select item_id, agent, created_at from memories
    where chunk_index = 1
),

preceded as (
    select
        *,
        lag(created_at) over (partition by agent order by created_at, item_id) as previous_at
    from items
),

opened as (
    select
        *,
        coalesce(created_at - previous_at > interval '{{ var("session_gap_minutes") }} minutes', true) as opens_session
    from preceded
),

numbered as (
    select
        item_id,
        agent,
        created_at,
        max(if(opens_session, created_at, null)) over (
            partition by agent order by created_at, item_id rows unbounded preceding
        ) as session_started_at
    from opened
),

final as (
    select
        item_id,
        agent,
        created_at,
        agent || '/' || strftime(timezone('UTC', session_started_at), '%Y-%m-%dT%H:%M:%S.%fZ') as session_id,
        cast(row_number() over (
            partition by agent, session_started_at order by created_at, item_id
        ) as integer) as session_position
    from numbered
)

select * from final
