-- One row per agent and night whose replay is recorded.
with nights as (
    select * from {{ source('dreams', 'nights') }}
),

final as (
    select agent, night, replayed_count from nights
)

select * from final
