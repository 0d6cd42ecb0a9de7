-- One row per night and memory most likely to be needed soon after it. The probability is calibrated: the share of the
-- memories predicted in the four horizons before that were needed in time (rule of succession); beside it stands the
-- share of all memories that were. A night's predictions are kept for two horizons, so that each is scored with the
-- probability it was made with.
with nights as (
    select agent, night from {{ ref('ltm_nights') }}
    where is_evaluated
),

needs as (
    select * from {{ ref('ltm_need') }}
),

-- Picks the top five directly, in a twentieth of the time that ranking all memories takes.
likeliest as (
    select
        agent, night, night_at,
        unnest(min(struct_pack(lack_of_need := -need, item_id := item_id), 5)).item_id as item_id
    from needs
    inner join nights using (agent, night)
    group by agent, night, night_at
),

ranked as (
    select *, {{ night_instant('night + ' ~ var('prediction_horizon_days')) }} as due_at from likeliest
),

outcomes as (
    select
        *,
        exists(
            select 1 from {{ ref('ins_recalls') }} as recalls
            where
                recalls.item_id = ranked.item_id
                and recalls.occurred_at >= ranked.night_at
                and recalls.occurred_at < ranked.due_at
        ) as was_needed
    from ranked
),

hits as (
    select
        outcomes.agent, outcomes.night, outcomes.due_at, count(*) as predicted_count,
        count(*) filter (where outcomes.was_needed) as needed_count,
        any_value(counts.item_count) as item_count, any_value(counts.needed_count) as all_needed_count
    from outcomes
    inner join {{ ref('ins_need_counts') }} as counts using (agent, night)
    group by outcomes.agent, outcomes.night, outcomes.due_at
),

calibrated as (
    select
        outcomes.*,
        (1 + coalesce(sum(hits.needed_count), 0)) / (2 + coalesce(sum(hits.predicted_count), 0)) as probability,
        coalesce(sum(hits.needed_count), 0) as hit_count,
        coalesce(sum(hits.all_needed_count) / sum(hits.item_count), 0) as base_rate
    from outcomes
    left join hits
        on
            hits.agent = outcomes.agent
            and hits.due_at <= outcomes.night_at
            and hits.night >= outcomes.night - 4 * {{ var('prediction_horizon_days') }}
    group by all
),

final as (
    select
        *,
        if(due_at <= {{ as_of() }}, was_needed, null) as validated,
        if(due_at <= {{ as_of() }}, power(probability - cast(was_needed as integer), 2), null) as brier_score
    from calibrated
    qualify night >= max(night) over (partition by agent) - 2 * {{ var('prediction_horizon_days') }}
)

select * from final
