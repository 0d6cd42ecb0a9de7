-- One row per memory: where it stands in its episode; the chunks of a document stand where the document does.
with items as (
    select * from {{ ref('stm_episode_items') }}
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

-- What a goal or a task leads to lies between it and the next of its kind.
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
        items.episode_id,
        items.position,
        items.occurred_at,
        coalesce(steps.subtask_memory_ids, []) as subtask_memory_ids,
        items.project,
        items.file,
        items.channel,
        items.place,
        items.people,
        items.previous_item_id as previous_memory_id,
        items.next_item_id as next_memory_id,
        items.context_similarity,
        cast(items.emotional_salience as double) as emotional_salience,
        cast(coalesce(coactivations.co_activation_count, 0) as integer) as co_activation_count
    from memories
    inner join items using (item_id)
    left join steps using (item_id)
    left join coactivations using (item_id)
)

select * from final
