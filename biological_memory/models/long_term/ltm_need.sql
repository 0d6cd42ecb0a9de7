-- One row per night and item that existed by then: how likely it is to be needed next. Part of the odds comes from the
-- items it was active together with (Mattar & Daw 2018), and from the names in it: what the environment keeps naming
-- returns (Anderson & Schooler 1991).
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale_parts(ref('ltm_need_inputs')) }}"
) }}
-- depends_on: {{ ref('ltm_night_graph_inputs') }}, so that it runs beside ltm_communities, which uses one processor.
with nights as (
    select * from {{ ref('ltm_need_inputs') }}
    {{ where_part_is_missing(ref('ltm_need_inputs')) }}
),

activated as (
    select odds.*, nights.fingerprint
    from {{ ref('ltm_recall_odds') }} as odds
    inner join nights using (agent, night)
),

coactivations as (
    select * from {{ ref('con_coactivations') }}
),

ties as (
    select memory_a as from_id, memory_b as to_id, occurred_at from coactivations
    union all
    select memory_b, memory_a, occurred_at from coactivations
),

-- Each instant of co-activation of an item holds the number of its ties until the next one.
occasions as (
    select
        from_id,
        occurred_at,
        sum(count(*)) over so_far as tie_count,
        lead(occurred_at) over so_far as next_at
    from ties
    group by from_id, occurred_at
    window so_far as (partition by from_id order by occurred_at)
),

-- The odds that spread are shared evenly among an item's ties.
shared_out as (
    select
        activated.night,
        activated.night_at,
        occasions.from_id,
        activated.recall_odds / occasions.tie_count as odds
    from activated
    inner join occasions
        on
            occasions.from_id = activated.item_id
            and occasions.occurred_at < activated.night_at
            and coalesce(occasions.next_at >= activated.night_at, true)
),

received as (
    select shared_out.night, ties.to_id as item_id, {{ exact_sum('shared_out.odds') }} as odds
    from shared_out
    inner join ties on ties.from_id = shared_out.from_id and ties.occurred_at < shared_out.night_at
    group by shared_out.night, ties.to_id
),

mentions as (
    select
        *,
        min(occurred_at) over (partition by name_hash) as first_at,
        lead(occurred_at) over (partition by name_hash order by mention_number) as next_at
    from {{ ref('ltm_mentions') }}
),

nights_seen as (
    select agent, night, night_at, count(*) as item_count from activated
    group by agent, night, night_at
),

-- Each mention of a name holds its state until the next one.
names as (
    select
        nights_seen.night,
        nights_seen.night_at,
        mentions.name_hash,
        {{ distinctiveness('mentions.mention_number', 'nights_seen.item_count') }} * exp({{ base_level_activation(
            'mentions.mention_number', 'epoch(nights_seen.night_at) - epoch(mentions.first_at)',
            'epoch(nights_seen.night_at) - epoch(mentions.occurred_at)'
        ) }}) as odds
    from mentions
    inner join nights_seen
        on
            nights_seen.agent = mentions.agent
            and mentions.occurred_at < nights_seen.night_at
            and coalesce(mentions.next_at >= nights_seen.night_at, true)
),

named as (
    select names.night, mentions.item_id, {{ exact_sum('names.odds') }} as odds
    from names
    inner join mentions on mentions.name_hash = names.name_hash and mentions.occurred_at < names.night_at
    where names.odds > 0
    group by names.night, mentions.item_id
),

final as (
    select
        activated.agent,
        activated.night,
        activated.night_at,
        activated.item_id,
        activated.fingerprint,
        activated.recall_odds,
        (1 - {{ var('need_spread') }}) * activated.recall_odds
        + {{ var('need_spread') }} * (coalesce(received.odds, 0) + coalesce(named.odds, 0)) as need
    from activated
    left join received using (night, item_id)
    left join named using (night, item_id)
)

select * from final
