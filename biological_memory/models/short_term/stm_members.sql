-- One row per memory: its subtasks and how often it was active with others. These and the fingerprint of its item show
-- whether its row in episode_members has changed. The chunks of a document share the document's place.
with items as (
    select item_id, episode_id, position, occurred_at, task_type, fingerprint from {{ ref('stm_episode_items') }}
),

memories as (
    select memory_id, item_id from {{ ref('stg_memories') }}
),

coactivations as (
    select item_id, count(distinct occurred_at) as co_activation_count
    from (
        select memory_a as item_id, occurred_at from {{ ref('con_coactivations') }}
        union all
        select memory_b, occurred_at from {{ ref('con_coactivations') }}
    ) as both_ends
    group by item_id
),

-- The subtasks of a goal or a task come between it and the next of its kind.
led as (
    select
        item_id,
        position,
        case task_type
            when 'task' then last_value(if(task_type = 'goal', item_id, null) ignore nulls) over so_far
            when 'action' then
                list_extract(last_value(
                    case task_type when 'task' then [item_id] when 'goal' then [] end ignore nulls
                ) over so_far, 1)
        end as led_by
    from items
    where task_type <> 'observation'
    window so_far as (partition by episode_id order by position)
),

steps as (
    select led_by as item_id, {{ ordered_list('item_id', ['position']) }} as subtask_memory_ids
    from led
    where led_by is not null
    group by led_by
),

final as (
    select
        memories.memory_id,
        item_id,
        items.occurred_at,
        items.fingerprint,
        coalesce(steps.subtask_memory_ids, []) as subtask_memory_ids,
        cast(coalesce(coactivations.co_activation_count, 0) as integer) as co_activation_count
    from memories
    inner join items using (item_id)
    left join steps using (item_id)
    left join coactivations using (item_id)
)

select * from final
