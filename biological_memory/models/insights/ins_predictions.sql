-- One row per night and memory most likely to be needed soon after it. A night's predictions stand for two horizons,
-- so that each is scored at the probability it was made with.
with outcomes as (
    select * from {{ ref('ins_need_outcomes') }}
),

calibrations as (
    select agent, night, intercept, slope from {{ ref('ins_calibrations') }}
),

ranked as (
    select * from outcomes
    qualify
        row_number() over (partition by agent, night order by need desc, item_id) <= 5
        and night >= max(night) over (partition by agent) - 2 * {{ var('prediction_horizon_days') }}
),

calibrated as (
    select
        ranked.agent,
        ranked.night,
        ranked.night_at,
        ranked.item_id,
        ranked.due_at,
        ranked.was_needed,
        1 / (1 + exp(-(calibrations.intercept + calibrations.slope * ranked.log_need))) as probability
    from ranked
    inner join calibrations using (agent, night)
),

final as (
    select
        *,
        if(due_at <= {{ as_of() }}, was_needed, null) as validated,
        if(due_at <= {{ as_of() }}, power(probability - cast(was_needed as integer), 2), null) as brier_score
    from calibrated
)

select * from final
