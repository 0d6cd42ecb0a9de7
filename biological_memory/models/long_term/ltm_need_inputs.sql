-- One row per agent and night: a fingerprint of what need depends on, which is everything before the night.
with nights as (
    select agent, night, night_at from {{ ref('ltm_nights') }}
),

attended as (
    select
        nights.agent,
        nights.night,
        nights.night_at,
        {{ rows_hash('events.event_id, events.item_id, events.occurred_at, events.strength') }} as events_hash
    from (select * from {{ ref('ltm_presentations') }} where kind <> 'replay') as events
    inner join nights on nights.agent = events.agent and events.occurred_at < nights.night_at
    group by nights.agent, nights.night, nights.night_at
),

tied as (
    select
        attended.agent, attended.night, {{ rows_hash('ties.memory_a, ties.memory_b, ties.occurred_at') }} as ties_hash
    from {{ ref('con_coactivations') }} as ties
    inner join attended on ties.agent = attended.agent and ties.occurred_at < attended.night_at
    group by attended.agent, attended.night
),

named as (
    select
        attended.agent,
        attended.night,
        {{ rows_hash('mentions.item_id, mentions.name_hash, mentions.occurred_at') }} as names_hash
    from {{ ref('ltm_mentions') }} as mentions
    inner join attended on attended.agent = mentions.agent and mentions.occurred_at < attended.night_at
    group by attended.agent, attended.night
),

final as (
    select
        attended.agent,
        attended.night,
        md5(
            attended.agent || ' ' || attended.night || ' ' || attended.night_at || ' ' || attended.events_hash || ' '
            || coalesce(tied.ties_hash, 0) || ' ' || coalesce(named.names_hash, 0)
            || ' {{ var("activation_decay") }} {{ var("need_spread") }} {{ var("name_commonness") }}'
        ) as fingerprint
    from attended
    left join tied using (agent, night)
    left join named using (agent, night)
)

select * from final
