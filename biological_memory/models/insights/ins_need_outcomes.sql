-- One row per evaluated night and item that was there by then: how much it was needed, and whether it was attended to
-- again within the horizon.
with nights as (
    select
        agent,
        night,
        night_at,
        {{ night_instant('night + ' ~ var('prediction_horizon_days')) }} as due_at
    from {{ ref('ltm_nights') }}
    where is_evaluated
),

needs as (
    select * from {{ ref('ltm_need') }}
),

recalls as (
    select item_id, agent, occurred_at from {{ ref('attention_events') }}
    where kind <> 'created'
),

needed as (
    select distinct nights.agent, nights.night, recalls.item_id, true as was_needed
    from nights
    inner join recalls
        on
            recalls.agent = nights.agent
            and recalls.occurred_at >= nights.night_at
            and recalls.occurred_at < nights.due_at
),

final as (
    select
        nights.agent,
        nights.night,
        nights.night_at,
        nights.due_at,
        needs.item_id,
        needs.need,
        -- Need is 0 when all of an item's odds go to associates, and it has none.
        ln(greatest(needs.need, 1e-9)) as log_need,
        coalesce(needed.was_needed, false) as was_needed
    from nights
    inner join needs using (agent, night)
    left join needed using (agent, night, item_id)
)

select * from final
