-- One row per window of attention and slot: the most active items, up to the capacity of the window.
with activations as (
    select * from {{ ref('wm_activations') }}
),

capacities as (
    select * from {{ ref('wm_capacities') }}
),

ranked as (
    select
        activations.*,
        capacities.slot_capacity,
        capacities.offered_count,
        row_number() over (
            partition by activations.agent, activations.window_start
            order by activations.final_priority desc, activations.entered_at desc, activations.item_id
        ) as wm_slot
    from activations
    inner join capacities using (agent, window_start)
),

final as (
    select
        agent || '/' || strftime(timezone('UTC', window_start), '%Y-%m-%dT%H:%M:%SZ') as snapshot_id,
        cast(wm_slot as integer) as wm_slot,
        item_id as memory_id,
        agent,
        window_start,
        window_end,
        activation_strength,
        cast(emotional_salience as double) as emotional_salience,
        final_priority,
        slot_capacity,
        cast(offered_count as integer) as offered_count
    from ranked
    where wm_slot <= slot_capacity
)

select * from final
