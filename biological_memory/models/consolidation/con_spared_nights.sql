-- One row per item and night that does not scale its edges down, as it was replayed in it or came to mind on the day
-- before: how many such nights there have been up to it. Nights are dates, not runs.
{{ config(materialized='view') }}
with memories as (
    select memory_id, item_id from {{ ref('stg_memories') }}
),

rehearsals as (
    select memories.item_id, {{ night_of('events.occurred_at') }} as night
    from {{ ref('stg_events') }} as events
    inner join memories using (memory_id)
    where events.kind = 'rehearsed'
),

remindings as (
    select item_id, day + 1 as night from {{ ref('con_remindings') }}
    where day < {{ night_of(as_of()) }}
),

nights as (
    select * from rehearsals
    union
    select * from remindings
),

final as (
    select item_id, night, row_number() over (partition by item_id order by night) as spared_nights from nights
)

select * from final
