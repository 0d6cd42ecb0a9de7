-- One row per pair of co-activated memories: the weight of their edge, folded over co-activations and nights.
-- Learning is dw = eta x pre x post x (1 - w), Hebb's rule with Oja's bound; each night takes its share of w.
with coactivations as (
    select *, least({{ var('hebbian_learning_rate') }} * activity_product, 1.0) as learning
    from {{ ref('con_coactivations') }}
),

spared as (
    select * from {{ ref('con_spared_nights') }}
),

last_spared as (
    select item_id, max(night) as night from spared group by item_id
),

-- Most pairs were active together only once, which gives their weight directly.
counted as (
    select
        memory_a, memory_b, any_value(learning) as learning,
        cast(count(*) as integer) as evidence_count, min(occurred_at) as first_at, max(occurred_at) as last_at
    from coactivations group by memory_a, memory_b
),

-- The last night that was spared after the last co-activation.
spared_since as (
    select memory_a, memory_b, greatest(a.night, b.night) as night
    from counted
    left join last_spared as a on a.item_id = memory_a
    left join last_spared as b on b.item_id = memory_b
    where greatest(a.night, b.night) > {{ night_of('last_at') }}
),

repeated as (
    select memory_a, memory_b from counted where evidence_count > 1
    union
    select memory_a, memory_b from spared_since
),

steps as (
    select memory_a, memory_b, {{ night_of('occurred_at') }} as night, occurred_at, learning
    from coactivations semi join repeated using (memory_a, memory_b)
    union all
    select memory_a, memory_b, night, {{ night_instant('night') }} as occurred_at, 0.0 as learning from spared_since
),

counting as (
    select
        steps.*,
        coalesce(a.spared_nights, 0) as spared_a,
        coalesce(b.spared_nights, 0) as spared_b
    from steps
    asof left join spared as a on a.item_id = steps.memory_a and a.night <= steps.night
    asof left join spared as b on b.item_id = steps.memory_b and b.night <= steps.night
),

folded as (
    select memory_a, memory_b, {{ hebbian_state() }} as state  -- noqa: PRS
    from counting group by memory_a, memory_b
),

final as (
    select
        memory_a, memory_b, counted.evidence_count, counted.first_at, counted.last_at,
        coalesce(folded.state.weight, counted.learning) as weight,
        coalesce(date '1970-01-01' + cast(folded.state.night as integer), {{ night_of('counted.first_at') }})
            as scaled_through
    from counted left join folded using (memory_a, memory_b)
)

select * from final
