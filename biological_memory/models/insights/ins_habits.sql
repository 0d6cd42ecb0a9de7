-- One row per concept and weekday (or hour) at which it comes up more often than chance explains: an exact binomial
-- test of every concept and slot, with a limit on the share of false discoveries (Benjamini & Hochberg 1995). Counts
-- days, as memories of one day are often about one thing.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale_parts(ref('ins_habit_inputs')) }}"
) }}
with slots as (
    select * from {{ ref('ins_habit_slots') }}
    {{ where_part_is_missing(ref('ins_habit_inputs')) }}
),

general as (
    select * exclude (fingerprint) from {{ ref('ins_habit_shares') }}
    {{ where_part_is_missing(ref('ins_habit_inputs')) }}
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
    select agent, count(distinct concept) as concept_count from slots group by agent
),

-- Every recurring concept is tried with every slot that memories fall into.
tried as (
    select agent, any_value(concept_count) * count(*) as trial_count
    from concept_counts inner join general using (agent)
    group by agent
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
    where week_count >= {{ fewest_weeks() }} and slot_count * 2 > total_count and lift >= {{ var('habit_lift') }}
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
