-- One row per item, concept of it and slot of a rhythm (its weekday, its hour) in which the item with it was stored
-- before the last night; only of concepts that recur, as the others say nothing about when.
{{ config(materialized='view') }}
with concepts as (
    select found.*, nights.night_at, nights.fingerprint from {{ ref('ltm_concepts') }} as found
    inner join {{ ref('ins_habit_inputs') }} as nights
        on nights.agent = found.agent and found.created_at < nights.night_at
),

-- Groups by the fingerprint, so that a filter on it reaches the concepts.
local as (
    select agent, night_at, fingerprint, item_id, concept, {{ local_time('min(created_at)') }} as local_at
    from concepts
    group by agent, night_at, fingerprint, item_id, concept
),

recurring as (
    select agent, concept from local group by agent, concept
    having count(distinct date_trunc('week', local_at)) >= {{ fewest_weeks() }}
),

final as (
    select * exclude (local_at), cast(local_at as date) as local_date, {{ rhythm_slots('local_at') }}
    from local semi join recurring using (agent, concept)
)

select * from final
