-- One row per agent: a fingerprint of the concepts of all memories before the last night, from which habits are found.
with nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

concepts as (
    select * from {{ ref('ltm_meanings') }}
),

final as (
    select
        nights.agent,
        nights.night_at,
        md5(
            nights.agent || ' ' || nights.night_at || ' '
            || {{ rows_hash('concepts.memory_id, concepts.item_id, concepts.created_at, concepts.concepts') }}
            || ' {{ var("timezone") }} {{ var("habit_lift") }} {{ var("habit_false_discoveries") }}'
        ) as fingerprint
    from nights
    inner join concepts on concepts.agent = nights.agent and concepts.created_at < nights.night_at
    group by nights.agent, nights.night_at
)

select * from final
