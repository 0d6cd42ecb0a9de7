-- One row per night and item that was there by then: how likely it is to be needed next. Part of each item's recall
-- odds spreads to what it was active together with (Mattar & Daw 2018).
with activated as (
    select * from {{ ref('ltm_recall_odds') }}
),

coactivations as (
    select * from {{ ref('con_coactivations') }}
),

ties as (
    select memory_a as from_id, memory_b as to_id, occurred_at from coactivations
    union all
    select memory_b, memory_a, occurred_at from coactivations
),

occasions as (
    select from_id, list_sort(list(occurred_at)) as occurred_at from ties
    group by from_id
),

-- What spreads is shared out evenly among the occasions on which an item was active with another.
shared_out as (
    select
        activated.night,
        activated.night_at,
        occasions.from_id,
        activated.recall_odds / len(
            list_filter(occasions.occurred_at, lambda instant: instant < activated.night_at)
        ) as odds
    from activated
    inner join occasions on occasions.from_id = activated.item_id and occasions.occurred_at[1] < activated.night_at
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
        activated.recall_odds,
        (1 - {{ var('need_spread') }}) * activated.recall_odds
        + {{ var('need_spread') }} * coalesce(received.odds, 0) as need
    from activated
    left join received using (night, item_id)
)

select * from final
