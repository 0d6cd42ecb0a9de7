-- One row per pair of co-activated memories: the weight of their edge, folded over co-activations and nights.
-- Co-activation: dw = eta x pre x post x (1 - w), Hebb's rule with Oja's bound, so 0 <= w <= 1.
-- A night scales w by (1 - forgetting_rate), unless one of the two was replayed in it; nights are dates, not runs.
with coactivations as (
    select *, least({{ var('hebbian_learning_rate') }} * activity_product, 1.0) as learning
    from {{ ref('con_coactivations') }}
),

rehearsals as (
    select distinct memories.item_id, {{ night_of('events.occurred_at') }} as night
    from {{ ref('stg_events') }} as events
    inner join {{ ref('stg_memories') }} as memories using (memory_id)
    where events.kind = 'rehearsed'
),

spared as (
    select memory_a, memory_b, night from coactivations inner join rehearsals on memory_a = item_id
    union
    select memory_a, memory_b, night from coactivations inner join rehearsals on memory_b = item_id
),

-- Most pairs were active together only once, which gives their weight directly.
counted as (
    select
        memory_a, memory_b, any_value(learning) as learning,
        cast(count(*) as integer) as evidence_count, min(occurred_at) as first_at, max(occurred_at) as last_at
    from coactivations group by memory_a, memory_b
),

repeated as (
    select memory_a, memory_b from counted where evidence_count > 1
    union
    select memory_a, memory_b from spared
),

steps as (
    select
        memory_a, memory_b, {{ night_of('occurred_at') }} as night, occurred_at, learning, 0 as spared_nights
    from coactivations semi join repeated using (memory_a, memory_b)
    union all
    -- Before the first co-activation the weight is 0, so that a spared night does no harm.
    select memory_a, memory_b, night, {{ night_instant('night') }} as occurred_at, 0.0 as learning, 1 as spared_nights
    from spared
),

ordered as (
    select
        memory_a, memory_b,
        {{ ordered_list(
            "{'night': datediff('day', date '1970-01-01', night), 'learning': learning, 'spared_nights': spared_nights,"
            ~ " 'weight': learning}",
            ['occurred_at', '-spared_nights']
        ) }} as steps
    from steps group by memory_a, memory_b
),

folded as (
    select
        memory_a, memory_b,
        list_reduce(steps, lambda state, step: {  -- noqa: PRS
            'night': step.night,
            'learning': step.learning,
            'spared_nights': step.spared_nights,
            'weight': {{ waned('state.weight', 'greatest(step.night - state.night - step.spared_nights, 0)') }}
                * (1 - step.learning) + step.learning
        }) as state
    from ordered
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
