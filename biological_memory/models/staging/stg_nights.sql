-- One row per agent and night whose replay a cycle before this one recorded.
with nights as (
    select * from {{ source('dreams', 'nights') }}
),

cycles as (
    select * from {{ source('dreams', 'cycles') }}
),

final as (
    select nights.agent, nights.night, nights.replayed_count
    from nights
    left join cycles on nights.cycle_id = cycles.cycle_id
    where coalesce(cycles.as_of < {{ as_of() }}, true)
)

select * from final
