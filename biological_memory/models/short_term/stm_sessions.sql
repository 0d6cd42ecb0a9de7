-- One row per item: its session and the part of the session; a silence ends a session.
{% set items_of_a_part = 64 %}
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
        lag(created_at) over (partition by agent order by created_at, item_id) as previous_at,
        row_number() over (partition by agent order by created_at, item_id) as place
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
        place,
        max(if(opens_session, place, null)) over (
            partition by agent order by created_at, item_id rows unbounded preceding
        ) as first_place
    from opened
),

sessions as (
    select
        agent,
        place as first_place,
        agent || '/' || strftime(timezone('UTC', created_at), '%Y-%m-%dT%H:%M:%S.%fZ') as session_id
    from opened
    where opens_session
),

final as (
    select
        numbered.item_id,
        numbered.agent,
        numbered.created_at,
        sessions.session_id,
        cast(numbered.place - numbered.first_place + 1 as integer) as session_position,
        cast((numbered.place - numbered.first_place) // {{ items_of_a_part }} as integer) as session_part
    from numbered
    inner join sessions using (agent, first_place)
)

select * from final
