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

recalls as (
    select item_id, occurred_at from {{ ref('attention_events') }}
    where kind <> 'created'
    union all
    select item_id, occurred_at from {{ ref('con_remindings') }}
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
            select 1 from recalls
            where
                recalls.item_id = ranked.item_id
                and recalls.occurred_at >= ranked.night_at
                and recalls.occurred_at < ranked.due_at
        ) as was_needed
    from ranked
),

all_needed as (
    select nights.agent, nights.night, count(distinct recalls.item_id) as needed_count
    from needs
    inner join nights using (agent, night)
    inner join recalls
        on
            recalls.item_id = needs.item_id
            and recalls.occurred_at >= needs.night_at
            and recalls.occurred_at < {{ night_instant('needs.night + ' ~ var('prediction_horizon_days')) }}
    group by nights.agent, nights.night
),

base as (
    select needs.agent, needs.night, count(*) as item_count, any_value(all_needed.needed_count) as needed_count
    from needs
    inner join nights using (agent, night)
    left join all_needed using (agent, night)
    group by needs.agent, needs.night
),

hits as (
    select
        outcomes.agent, outcomes.night, outcomes.due_at, count(*) as predicted_count,
        count(*) filter (where outcomes.was_needed) as needed_count,
        any_value(base.item_count) as item_count, coalesce(any_value(base.needed_count), 0) as all_needed_count
    from outcomes
    inner join base using (agent, night)
    group by outcomes.agent, outcomes.night, outcomes.due_at
),

calibrated as (
    select
        outcomes.agent,
        outcomes.night,
        outcomes.night_at,
        outcomes.item_id,
        outcomes.due_at,
        outcomes.was_needed,
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
