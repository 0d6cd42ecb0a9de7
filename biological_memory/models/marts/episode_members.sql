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
        *,
        case
            when task_type = 'goal' then count(*) filter (where task_type = 'goal') over so_far
            when task_type = 'task' then count(*) filter (where task_type in ('goal', 'task')) over so_far
        end as own_number,
        count(*) filter (where task_type = 'goal') over so_far as goal_number,
        count(*) filter (where task_type in ('goal', 'task')) over so_far as task_number
    from items
    window so_far as (partition by episode_id order by position)
),

steps as (
    select
        heads.item_id,
        list(followers.item_id order by followers.position) as subtask_memory_ids
    from led as heads
    inner join led as followers
        on
            followers.episode_id = heads.episode_id
            and followers.position > heads.position
            and (
                (heads.task_type = 'goal' and followers.task_type = 'task' and followers.goal_number = heads.own_number)
                or (
                    heads.task_type = 'task' and followers.task_type = 'action'
                    and followers.task_number = heads.own_number
                )
            )
    group by heads.item_id
),

neighboured as (
    select
        *,
        lag(item_id) over session_order as previous_memory_id,
        lead(item_id) over session_order as next_memory_id
    from items
    window session_order as (partition by session_id order by session_position)
),

final as (
    select
        memories.memory_id,
        neighboured.episode_id,
        neighboured.position,
        neighboured.occurred_at,
        coalesce(steps.subtask_memory_ids, []) as subtask_memory_ids,
        neighboured.project,
        neighboured.file,
        neighboured.channel,
        neighboured.place,
        neighboured.people,
        neighboured.previous_memory_id,
        neighboured.next_memory_id,
        neighboured.context_similarity,
        cast(neighboured.emotional_salience as double) as emotional_salience,
        cast(coalesce(coactivations.co_activation_count, 0) as integer) as co_activation_count
    from memories
    inner join neighboured using (item_id)
    left join steps using (item_id)
    left join coactivations using (item_id)
)

select * from final
