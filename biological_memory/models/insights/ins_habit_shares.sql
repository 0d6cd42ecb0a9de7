-- One row per agent, rhythm and slot: the share of the slot in all days with memories before the last night.
{{ config(materialized='view') }}
with items as (
    select found.agent, nights.fingerprint, {{ local_time('min(found.created_at)') }} as local_at
    from {{ ref('ltm_concepts') }} as found
    inner join {{ ref('ins_habit_inputs') }} as nights
        on nights.agent = found.agent and found.created_at < nights.night_at
    group by found.agent, nights.fingerprint, found.item_id
),

placed as (
    select agent, fingerprint, cast(local_at as date) as local_date, {{ rhythm_slots('local_at') }} from items
),

final as (
    select
        agent, fingerprint, rhythm, slot,
        count(distinct local_date)
        / sum(count(distinct local_date)) over (partition by agent, fingerprint, rhythm) as share
    from placed
    group by agent, fingerprint, rhythm, slot
)

select * from final
