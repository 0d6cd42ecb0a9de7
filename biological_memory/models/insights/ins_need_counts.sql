-- One row per agent and evaluated night: how many items there were, and how many were needed within one horizon.
{{ config(materialized='view') }}
with nights as (
    select agent, night from {{ ref('ltm_nights') }}
    where is_evaluated
),

needs as (
    select agent, night, needs.night_at, needs.item_id from {{ ref('ltm_need') }} as needs
    inner join nights using (agent, night)
),

needed as (
    select needs.agent, needs.night, count(distinct recalls.item_id) as needed_count
    from needs
    inner join {{ ref('ins_recalls') }} as recalls
        on
            recalls.item_id = needs.item_id
            and recalls.occurred_at >= needs.night_at
            and recalls.occurred_at < {{ night_instant('needs.night + ' ~ var('prediction_horizon_days')) }}
    group by needs.agent, needs.night
),

final as (
    select agent, night, count(*) as item_count, coalesce(any_value(needed.needed_count), 0) as needed_count
    from needs
    left join needed using (agent, night)
    group by agent, night
)

select * from final
