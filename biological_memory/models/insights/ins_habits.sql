{% set fewest_weeks = 5 %}
-- One row per concept and weekday (or hour) at which it comes up more often than chance explains: an exact binomial
-- test of every concept and slot, with a limit on the share of false discoveries (Benjamini & Hochberg 1995). Counts
-- days, as memories of one day are often about one thing.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale_parts(ref('ins_habit_inputs')) }}"
) }}
with nights as (
    select * from {{ ref('ins_habit_inputs') }}
    {{ where_part_is_missing(ref('ins_habit_inputs')) }}
),

concepts as (
    select found.*, nights.night_at, nights.fingerprint from {{ ref('ltm_concepts') }} as found
    inner join nights on nights.agent = found.agent and found.created_at < nights.night_at
),

local as (
    select
        agent, item_id, concept,
        any_value(night_at) as night_at, any_value(fingerprint) as fingerprint,
        {{ local_time('min(created_at)') }} as local_at
    from concepts
    group by agent, item_id, concept
),

-- Whether a concept recurs says nothing about when.
recurring as (
    select agent, concept from local group by agent, concept
    having count(distinct date_trunc('week', local_at)) >= {{ fewest_weeks }}
),

slots as (
    select * exclude (local_at), cast(local_at as date) as local_date, {{ rhythm_slots('local_at') }}
    from local semi join recurring using (agent, concept)
),

items as (
    select agent, {{ local_time('min(created_at)') }} as local_at from concepts group by agent, item_id
),

placed as (
    select agent, cast(local_at as date) as local_date, {{ rhythm_slots('local_at') }} from items
),

general as (
    select
        agent, rhythm, slot,
        count(distinct local_date) / sum(count(distinct local_date)) over (partition by agent, rhythm) as share
    from placed
    group by agent, rhythm, slot
),

counted as (
    select
        agent, concept, rhythm, slot,
        any_value(night_at) as night_at, any_value(fingerprint) as fingerprint,
        count(distinct local_date) as slot_count,
        count(distinct date_trunc('week', local_date)) as week_count,
        sum(count(distinct local_date)) over (partition by agent, concept, rhythm) as total_count
    from slots
    group by agent, concept, rhythm, slot
),

concept_counts as (
    select agent, count(*) as concept_count from recurring group by agent
),

slot_counts as (
    select agent, count(*) as slot_count from general group by agent
),

-- Every recurring concept is tried with every slot that memories fall into.
tried as (
    select agent, concept_count * slot_count as trial_count
    from concept_counts inner join slot_counts using (agent)
),

tested as (
    select
        counted.*,
        counted.slot_count / counted.total_count / general.share as lift,
        {{ binomial_tail('counted.slot_count', 'cast(counted.total_count as bigint)', 'general.share') }} as chance
    from counted inner join general using (agent, rhythm, slot)
    where general.share < 1 and counted.slot_count / counted.total_count > general.share
),

ranked as (
    select tested.*, row_number() over (partition by agent order by chance, concept, rhythm, slot) as place, trial_count
    from tested inner join tried using (agent)
),

discovered as (
    select * from ranked
    qualify place <= max(
        if(chance <= {{ var('habit_false_discoveries') }} * place / trial_count, place, 0)
    ) over (partition by agent)
),

frequent as (
    select agent, concept, rhythm, slot, night_at, fingerprint, slot_count, total_count, week_count, lift, chance
    from discovered
    where
        week_count >= {{ fewest_weeks }}
        and slot_count * 2 > total_count
        and lift >= {{ var('habit_lift') }}
),

supported as (
    select agent, concept, rhythm, slot, list_sort(list(slots.item_id)) as memory_ids
    from frequent inner join slots using (agent, concept, rhythm, slot)
    group by agent, concept, rhythm, slot
),

final as (
    select *, (slot_count + 1) / (total_count + 2) as confidence
    from frequent inner join supported using (agent, concept, rhythm, slot)
    qualify row_number() over (partition by agent, concept order by chance, rhythm, slot) = 1
)

select * from final
