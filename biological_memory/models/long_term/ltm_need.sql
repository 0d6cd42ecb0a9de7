-- One row per night and item that existed by then: how likely it is to be needed next. Part of each item's recall odds
-- spreads to the items it was active together with (Mattar & Daw 2018).
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

final as (
    select
        activated.agent,
        activated.night,
        activated.night_at,
        activated.item_id,
        activated.fingerprint,
        activated.recall_odds,
        (1 - {{ var('need_spread') }}) * activated.recall_odds
        + {{ var('need_spread') }} * coalesce(received.odds, 0) as need
    from activated
    left join received using (night, item_id)
)

select * from final
