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

-- The odds that spread are shared evenly among an item's ties.
shared_out as (
    select activated.night, activated.night_at, spans.item_id, activated.recall_odds / spans.tie_count as odds
    from activated
    inner join {{ ref('ltm_associate_spans') }} as spans
        on
            spans.item_id = activated.item_id
            and spans.occurred_at < activated.night_at
            and coalesce(spans.next_at >= activated.night_at, true)
),

received as (
    select shared_out.night, ties.associate_id as item_id, {{ exact_sum('shared_out.odds') }} as odds
    from shared_out
    inner join {{ ref('ltm_associates') }} as ties
        on ties.item_id = shared_out.item_id and ties.occurred_at < shared_out.night_at
    group by shared_out.night, ties.associate_id
),

nights_seen as (
    select agent, night, night_at, count(*) as item_count from activated group by agent, night, night_at
),

names as (
    select
        nights_seen.night, nights_seen.night_at, spans.name_hash,
        {{ distinctiveness('spans.mention_number', 'nights_seen.item_count') }} * exp({{ base_level_activation(
            'spans.mention_number', 'epoch(nights_seen.night_at) - epoch(spans.first_at)',
            'epoch(nights_seen.night_at) - epoch(spans.occurred_at)'
        ) }}) as odds
    from {{ ref('ltm_mention_spans') }} as spans
    inner join nights_seen
        on
            nights_seen.agent = spans.agent
            and spans.occurred_at < nights_seen.night_at
            and coalesce(spans.next_at >= nights_seen.night_at, true)
),

named as (
    select names.night, mentions.item_id, {{ exact_sum('names.odds') }} as odds
    from names
    inner join {{ ref('ltm_mentions') }} as mentions
        on mentions.name_hash = names.name_hash and mentions.occurred_at < names.night_at
    where names.odds > 0
    group by names.night, mentions.item_id
),

final as (
    select
        activated.agent, activated.night, activated.night_at,
        activated.item_id, activated.fingerprint, activated.recall_odds,
        (1 - {{ var('need_spread') }}) * activated.recall_odds
        + {{ var('need_spread') }} * (coalesce(received.odds, 0) + coalesce(named.odds, 0)) as need
    from activated
    left join received using (night, item_id)
    left join named using (night, item_id)
)

select * from final
