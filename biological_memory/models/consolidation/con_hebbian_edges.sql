-- One row per pair of co-activated memories: its weight, folded over co-activations and nights.
-- Co-activation: dw = eta x pre x post x (1 - w), Hebb's rule with Oja's bound, so 0 <= w <= 1.
-- A night scales w by (1 - forgetting_rate), unless one of the two was replayed in it; nights are dates, never runs.
with coactivations as (
    select * from {{ ref('con_coactivations') }}
),

rehearsals as (
    select distinct memories.item_id, {{ night_of('events.occurred_at') }} as night
    from {{ ref('stg_events') }} as events
    inner join {{ ref('stg_memories') }} as memories using (memory_id)
    where events.kind = 'rehearsed'
),

pairs as (
    select
        memory_a,
        memory_b,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at,
        cast(count(*) as integer) as evidence_count
    from coactivations
    group by memory_a, memory_b
),

spared as (
    select pairs.memory_a, pairs.memory_b, rehearsals.night
    from pairs
    inner join rehearsals on rehearsals.item_id = pairs.memory_a
    union
    select pairs.memory_a, pairs.memory_b, rehearsals.night
    from pairs
    inner join rehearsals on rehearsals.item_id = pairs.memory_b
),

steps as (
    select
        memory_a,
        memory_b,
        {{ night_of('occurred_at') }} as night,
        epoch(occurred_at) as seconds,
        least({{ var('hebbian_learning_rate') }} * activity_product, 1.0) as learning,
        0 as spared_nights
    from coactivations
    union all
    select spared.memory_a, spared.memory_b, spared.night, epoch({{ night_instant('spared.night') }}), 0.0, 1
    from spared
    inner join pairs using (memory_a, memory_b)
    where {{ night_instant('spared.night') }} > pairs.first_at
),

ordered as (
    select
        memory_a,
        memory_b,
        list({
            'night': datediff('day', date '1970-01-01', night),
            'learning': learning,
            'spared_nights': spared_nights,
            'weight': learning
        } order by seconds, spared_nights desc) as steps
    from steps
    group by memory_a, memory_b
),

folded as (
    select
        memory_a,
        memory_b,
        list_reduce(steps, lambda state, step: {
            'night': step.night,
            'learning': step.learning,
            'spared_nights': step.spared_nights,
            'weight': state.weight
                * power(1 - {{ var('forgetting_rate') }}, greatest(step.night - state.night - step.spared_nights, 0))
                * (1 - step.learning) + step.learning
        }) as state
    from ordered
),

final as (
    select
        pairs.memory_a,
        pairs.memory_b,
        folded.state.weight as weight,
        date '1970-01-01' + cast(folded.state.night as integer) as scaled_through,
        pairs.evidence_count,
        pairs.first_at,
        pairs.last_at
    from pairs
    inner join folded using (memory_a, memory_b)
)

select * from final
