-- One row per agent and evaluated night: the line by which the log odds of being needed follow from log need, learnt
-- from the four horizons before that had come to their end. A linear discriminant (Fisher 1936), drawn towards odds in
-- proportion to need (Anderson & Schooler 1991) by as much as five memories that were needed, with a variance of 1.
with outcomes as (
    select * from {{ ref('ins_need_outcomes') }}
),

horizons as (
    select
        agent,
        night,
        night_at,
        due_at,
        count(*) filter (where was_needed) as needed_count,
        count(*) filter (where not was_needed) as other_count,
        coalesce({{ exact_sum('if(was_needed, log_need, 0)') }}, 0) as needed_sum,
        coalesce({{ exact_sum('if(was_needed, 0, log_need)') }}, 0) as other_sum,
        {{ exact_sum('log_need * log_need') }} as square_sum
    from outcomes
    group by agent, night, night_at, due_at
),

learnt as (
    select
        predicted.agent,
        predicted.night,
        coalesce(sum(earlier.needed_count), 0) as needed_count,
        coalesce(sum(earlier.other_count), 0) as other_count,
        coalesce({{ exact_sum('earlier.needed_sum') }}, 0) as needed_sum,
        coalesce({{ exact_sum('earlier.other_sum') }}, 0) as other_sum,
        coalesce({{ exact_sum('earlier.square_sum') }}, 0) as square_sum
    from horizons as predicted
    left join horizons as earlier
        on
            earlier.agent = predicted.agent
            and earlier.due_at <= predicted.night_at
            and earlier.night >= predicted.night - 4 * {{ var('prediction_horizon_days') }}
    group by predicted.agent, predicted.night
),

means as (
    select
        *,
        coalesce(needed_sum / nullif(needed_count, 0), other_sum / nullif(other_count, 0), 0) as needed_mean,
        coalesce(other_sum / nullif(other_count, 0), needed_sum / nullif(needed_count, 0), 0) as other_mean
    from learnt
),

slopes as (
    select
        *,
        (square_sum - needed_sum * needed_mean - other_sum * other_mean + 5)
        / (needed_count + other_count + 5) as variance,
        (5 + needed_count * greatest(needed_mean - other_mean, 0) / variance) / (5 + needed_count) as slope
    from means
),

final as (
    select
        agent,
        night,
        cast(needed_count as integer) as needed_count,
        cast(needed_count + other_count as integer) as learnt_count,
        ln((needed_count + 1) / (other_count + 1)) - slope * (needed_mean + other_mean) / 2 as intercept,
        slope
    from slopes
)

select * from final
