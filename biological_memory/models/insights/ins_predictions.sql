-- One row per night and memory most likely to be needed soon after it. The probability is calibrated: the share of
-- memories in the same place of earlier nights' rankings that were needed in time (rule of succession).
with nights as (
    select * from {{ ref('ltm_nights') }}
    where is_evaluated
),

needs as (
    select needs.* from {{ ref('ltm_need') }} as needs
    inner join nights using (agent, night)
),

recalls as (
    select item_id, occurred_at from {{ ref('attention_events') }}
    where kind <> 'created'
),

ranked as (
    select
        *,
        night_at + interval '{{ var("prediction_horizon_days") }} days' as due_at,
        row_number() over (partition by agent, night order by need desc, item_id) as need_rank
    from needs
),

binned as (
    select
        *,
        case when need_rank <= 5 then 1 when need_rank <= 20 then 2 else 3 end as rank_bin
    from ranked
    where need_rank <= 100
),

outcomes as (
    select
        binned.*,
        exists (
            select 1 from recalls
            where
                recalls.item_id = binned.item_id
                and recalls.occurred_at >= binned.night_at
                and recalls.occurred_at < binned.due_at
        ) as was_needed
    from binned
),

hits as (
    select agent, rank_bin, due_at, count(*) as predicted_count, count(*) filter (where was_needed) as needed_count
    from outcomes
    group by agent, rank_bin, due_at
),

calibrated as (
    select
        outcomes.agent,
        outcomes.night,
        outcomes.night_at,
        outcomes.item_id,
        outcomes.due_at,
        outcomes.was_needed,
        (1 + coalesce(sum(hits.needed_count), 0)) / (2 + coalesce(sum(hits.predicted_count), 0)) as probability
    from outcomes
    left join hits
        on
            hits.agent = outcomes.agent
            and hits.rank_bin = outcomes.rank_bin
            and hits.due_at <= outcomes.night_at
    where outcomes.rank_bin = 1
    group by all
),

final as (
    select
        *,
        if(due_at <= {{ as_of() }}, was_needed, null) as validated,
        if(due_at <= {{ as_of() }}, power(probability - cast(was_needed as integer), 2), null) as brier_score
    from calibrated
)

select * from final
