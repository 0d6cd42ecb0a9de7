-- One row per concept and weekday (or hour) at which it comes up far more often than memories do in general.
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

-- Rarer concepts cannot be habits, and most concepts are rarer.
recurring as (
    select agent, concept from concepts group by agent, concept
    having count(*) >= 4
),

-- Counts a concept once per item, and so in one slot of each rhythm.
local as (
    select
        agent, item_id, concept,
        any_value(night_at) as night_at, any_value(fingerprint) as fingerprint,
        {{ local_time('min(created_at)') }} as local_at
    from concepts inner join recurring using (agent, concept)
    group by agent, item_id, concept
),

slots as (
    select * exclude (local_at), cast(local_at as date) as local_date, {{ rhythm_slots('local_at') }} from local
),

items as (
    select agent, {{ local_time('min(created_at)') }} as local_at from concepts group by agent, item_id
),

general as (
    select agent, rhythm, slot, count(*) / sum(count(*)) over (partition by agent, rhythm) as share
    from (select agent, {{ rhythm_slots('local_at') }} from items) as placed
    group by agent, rhythm, slot
),

counted as (
    select
        agent, concept, rhythm, slot,
        any_value(night_at) as night_at, any_value(fingerprint) as fingerprint,
        count(*) as slot_count,
        sum(count(*)) over (partition by agent, concept, rhythm) as total_count
    from slots
    group by agent, concept, rhythm, slot
),

frequent as (
    select counted.*, counted.slot_count / counted.total_count / general.share as lift
    from counted inner join general using (agent, rhythm, slot)
    where
        counted.slot_count >= 4
        and counted.slot_count * 2 > counted.total_count
        and counted.slot_count / counted.total_count / general.share >= {{ var('habit_lift') }}
),

supported as (
    select
        agent, concept, rhythm, slot,
        count(distinct slots.local_date) as date_count, list_sort(list(slots.item_id)) as memory_ids
    from frequent inner join slots using (agent, concept, rhythm, slot)
    group by agent, concept, rhythm, slot
),

final as (
    select *, (slot_count + 1) / (total_count + 2) as confidence
    from frequent inner join supported using (agent, concept, rhythm, slot)
    where date_count >= 3
    qualify row_number() over (partition by agent, concept order by slot_count / total_count desc, rhythm) = 1
)

select * from final
