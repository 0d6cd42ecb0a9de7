-- One row per concept and weekday (or hour) at which it comes up far more often than memories do in general.
with concepts as (
    select distinct item_id, agent, concept, created_at from {{ ref('ltm_concepts') }}
),

nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

local as (
    select
        concepts.*,
        nights.night_at,
        timezone('{{ var("timezone") }}', concepts.created_at) as local_at
    from concepts
    inner join nights on nights.agent = concepts.agent and concepts.created_at < nights.night_at
),

slots as (
    select *, 'weekday' as rhythm, dayname(local_at) as slot, cast(local_at as date) as local_date from local
    union all by name
    select
        *, 'hour' as rhythm, lpad(cast(hour(local_at) as varchar), 2, '0') as slot, cast(local_at as date) as local_date
    from local
),

general as (
    select
        agent, rhythm, slot, count(distinct item_id) / sum(count(distinct item_id)) over (
            partition by agent, rhythm
        ) as share
    from slots
    group by agent, rhythm, slot
),

counted as (
    select
        agent,
        concept,
        rhythm,
        slot,
        any_value(night_at) as night_at,
        count(distinct item_id) as slot_count,
        sum(count(distinct item_id)) over (partition by agent, concept, rhythm) as total_count,
        count(distinct local_date) as date_count,
        list(distinct item_id) as memory_ids
    from slots
    group by agent, concept, rhythm, slot
),

final as (
    select
        counted.agent,
        counted.concept,
        counted.rhythm,
        counted.slot,
        counted.night_at,
        counted.slot_count,
        counted.total_count,
        counted.date_count,
        list_sort(counted.memory_ids) as memory_ids,
        counted.slot_count / counted.total_count / general.share as lift,
        (counted.slot_count + 1) / (counted.total_count + 2) as confidence
    from counted
    inner join general using (agent, rhythm, slot)
    where
        counted.date_count >= 3
        and counted.slot_count >= 4
        and counted.slot_count / counted.total_count / general.share >= {{ var('habit_lift') }}
        and counted.slot_count * 2 > counted.total_count
    qualify row_number() over (
        partition by counted.agent, counted.concept
        order by counted.slot_count / counted.total_count desc, counted.rhythm
    ) = 1
)

select * from final
