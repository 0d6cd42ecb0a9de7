-- One row per concept and weekday (or hour) at which it comes up far more often than memories do in general.
with concepts as (
    select item_id, agent, concept, min(created_at) as created_at from {{ ref('ltm_concepts') }}
    group by item_id, agent, concept
),

nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

local as (
    select concepts.*, nights.night_at, timezone('{{ var("timezone") }}', concepts.created_at) as local_at
    from concepts
    inner join nights on nights.agent = concepts.agent and concepts.created_at < nights.night_at
),

-- An item has a concept once, and stands in one slot of each rhythm.
slots as (
    select *, 'weekday' as rhythm, dayname(local_at) as slot, cast(local_at as date) as local_date from local
    union all by name
    select
        *, 'hour' as rhythm, lpad(cast(hour(local_at) as varchar), 2, '0') as slot, cast(local_at as date) as local_date
    from local
),

general as (
    select
        agent, rhythm, slot, count(*) / sum(count(*)) over (partition by agent, rhythm) as share
    from (select distinct agent, rhythm, slot, item_id from slots) as items
    group by agent, rhythm, slot
),

counted as (
    select
        agent, concept, rhythm, slot,
        any_value(night_at) as night_at,
        count(*) as slot_count,
        sum(count(*)) over (partition by agent, concept, rhythm) as total_count
    from slots
    group by agent, concept, rhythm, slot
),

frequent as (
    select
        counted.*,
        counted.slot_count / counted.total_count / general.share as lift
    from counted
    inner join general using (agent, rhythm, slot)
    where
        counted.slot_count >= 4
        and counted.slot_count * 2 > counted.total_count
        and counted.slot_count / counted.total_count / general.share >= {{ var('habit_lift') }}
),

supported as (
    select
        agent, concept, rhythm, slot,
        count(distinct slots.local_date) as date_count, list_sort(list(slots.item_id)) as memory_ids
    from frequent
    inner join slots using (agent, concept, rhythm, slot)
    group by agent, concept, rhythm, slot
),

final as (
    select
        frequent.*,
        supported.date_count,
        supported.memory_ids,
        (frequent.slot_count + 1) / (frequent.total_count + 2) as confidence
    from frequent
    inner join supported using (agent, concept, rhythm, slot)
    where supported.date_count >= 3
    qualify row_number() over (
        partition by frequent.agent, frequent.concept
        order by frequent.slot_count / frequent.total_count desc, frequent.rhythm
    ) = 1
)

select * from final
