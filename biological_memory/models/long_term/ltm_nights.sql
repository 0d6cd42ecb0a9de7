-- One row per agent and night to compute: the last one, those whose replay is due, and the earlier ones on which
-- predictions are scored and calibrated.
with items as (
    select agent, min(created_at) as first_at from {{ ref('stm_sessions') }}
    group by agent
),

recorded as (
    select agent, night, true as is_recorded from {{ ref('stg_nights') }}
),

ages as (
    select unnest(range(0, greatest(
        {{ var('replay_catch_up_nights') }}, 6 * {{ var('prediction_horizon_days') }} + 1
    ))) as nights_ago
),

nights as (
    select
        items.agent,
        {{ night_of(as_of()) }} - cast(ages.nights_ago as integer) as night,
        ages.nights_ago,
        items.first_at
    from items
    inner join ages on true
),

final as (
    select
        nights.agent,
        nights.night,
        {{ night_instant('nights.night') }} as night_at,
        nights.nights_ago = 0 as is_last,
        nights.nights_ago < {{ var('replay_catch_up_nights') }} and recorded.is_recorded is null as is_replay_due,
        nights.nights_ago % {{ var('prediction_horizon_days') }} = 0 as is_evaluated
    from nights
    left join recorded using (agent, night)
    where {{ night_instant('nights.night') }} > nights.first_at
)

select * from final
where is_last or is_replay_due or is_evaluated
