-- One row per night and item that was there by then: how likely it is to be needed next. Part of each item's recall
-- odds spreads to what it was active together with (Mattar & Daw 2018).
with nights as (
    select distinct night, night_at from {{ ref('ltm_nights') }}
),

activated as (
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

by_night as (
    select nights.night, ties.from_id, ties.to_id
    from nights
    inner join ties on ties.occurred_at < nights.night_at
),

-- What spreads is shared out evenly among the occasions on which an item was active with another.
shared_out as (
    select by_night.night, by_night.from_id, any_value(activated.recall_odds) / count(*) as odds
    from by_night
    inner join activated on activated.night = by_night.night and activated.item_id = by_night.from_id
    group by by_night.night, by_night.from_id
),

received as (
    select by_night.night, by_night.to_id as item_id, {{ exact_sum('shared_out.odds') }} as odds
    from by_night
    inner join shared_out using (night, from_id)
    group by by_night.night, by_night.to_id
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
