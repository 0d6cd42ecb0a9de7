-- One row per night and item that was there by then: how likely it is to be needed next. Part of each item's recall
-- odds spreads to what it was active together with (Mattar & Daw 2018).
with nights as (
    select * from {{ ref('ltm_nights') }}
),

activated as (
    select * from {{ ref('ltm_recall_odds') }}
),

coactivations as (
    select * from {{ ref('con_coactivations') }}
),

ties as (
    select nights.agent, nights.night, coactivations.memory_a, coactivations.memory_b, count(*) as occasions
    from nights
    inner join coactivations on coactivations.occurred_at < nights.night_at
    group by nights.agent, nights.night, coactivations.memory_a, coactivations.memory_b
),

directed_ties as (
    select agent, night, memory_a as from_id, memory_b as to_id, occasions from ties
    union all
    select agent, night, memory_b, memory_a, occasions from ties
),

shared_out as (
    select *, occasions / sum(occasions) over (partition by agent, night, from_id) as share from directed_ties
),

received as (
    select
        shared_out.agent,
        shared_out.night,
        shared_out.to_id as item_id,
        {{ exact_sum('shared_out.share * activated.recall_odds') }} as odds
    from shared_out
    inner join activated
        on
            activated.agent = shared_out.agent
            and activated.night = shared_out.night
            and activated.item_id = shared_out.from_id
    group by shared_out.agent, shared_out.night, shared_out.to_id
),

final as (
    select
        activated.agent,
        activated.night,
        activated.night_at,
        activated.item_id,
        activated.recall_odds,
        (1 - {{ var('need_spread') }}) * activated.recall_odds
        + {{ var('need_spread') }} * coalesce(received.odds, 0) as need
    from activated
    left join received using (agent, night, item_id)
)

select * from final
