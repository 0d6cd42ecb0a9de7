-- One row per pair of memories and instant at which both were active: slots of one window of working memory, an agent's
-- results of one search, or a new memory and those that it reminded of. At most nine items (or a reminding's budget and
-- its cue) are active at once, so that the number of pairs grows linearly.
with slots as (
    select * from {{ ref('attention_slots') }}
),

active_slots as (
    select
        agent,
        snapshot_id as occasion,
        window_end as occurred_at,
        memory_id as item_id,
        (slot_capacity - wm_slot + 1) / slot_capacity as activity
    from slots
),

active_results as (
    select * from {{ ref('con_active_results') }}
),

remindings as (
    select * from {{ ref('con_remindings') }}
),

active_remindings as (
    select agent, 'reminding/' || cue_id as occasion, occurred_at, item_id, tie as activity from remindings
    union all
    select distinct agent, 'reminding/' || cue_id as occasion, occurred_at, cue_id as item_id, 1.0 as activity
    from remindings
),

-- Products add up if a window ends at the instant of a search or of a new memory, or searches share an instant; other
-- pairs need no sum.
adding as (
    select * from active_results
    union all by name
    select * from active_remindings
),

active as (
    select *, occurred_at in (select occurred_at from adding) as may_add_up from active_slots
    union all by name
    select *, true as may_add_up from adding
),

pairs as (
    select
        earlier.agent,
        earlier.item_id as memory_a,
        later.item_id as memory_b,
        earlier.occurred_at,
        earlier.may_add_up,
        {{ exact('earlier.activity * later.activity') }} as activity_product
    from active as earlier
    inner join active as later
        on
            earlier.agent = later.agent
            and earlier.occasion = later.occasion
            and earlier.item_id < later.item_id
),

final as (
    select agent, memory_a, memory_b, occurred_at, cast(activity_product as double) as activity_product from pairs
    where not may_add_up
    union all
    select agent, memory_a, memory_b, occurred_at, cast(sum(activity_product) as double) as activity_product from pairs
    where may_add_up
    group by agent, memory_a, memory_b, occurred_at
)

select * from final
