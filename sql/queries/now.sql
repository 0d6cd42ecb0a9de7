-- What is in mind?
-- :limit integer 20 -- memories to show
with slots as (
    select * from dreams.current_context
),

states as (
    select
        memory_id,
        semantic_gist,
        last_accessed_at
    from dreams.memory_states
),

cycle as (
    select timezone from dreams.visible_cycle
)

select
    w.agent,
    w.wm_slot as slot,
    coalesce(left(s.semantic_gist, 80), left(w.content, 80)) as memory,
    to_char(w.timestamp at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as since,
    w.task_type as kind,
    array_to_string(w.topics[:3], ', ') as topics,
    round(w.activation_strength::numeric, 2) as activation,
    w.offered_count || ' for ' || w.slot_capacity as offered_for_slots
from slots as w
inner join cycle as c on true
left join states as s on s.memory_id = w.memory_id
order by w.agent asc, w.wm_slot asc
limit %(limit)s
