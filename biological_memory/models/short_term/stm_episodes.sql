-- One row per episode: a summary of its items.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('stm_episode_inputs'), 'episode_id') }}"
) }}
with inputs as (
    select * from {{ ref('stm_episode_inputs') }}
    {{ where_missing('episode_id') }}
),

items as (
    select found.* exclude (fingerprint), inputs.fingerprint
    from {{ ref('stm_episode_items') }} as found
    inner join inputs using (episode_id)
),

grouped as (
    select
        episode_id,
        session_id,
        agent,
        any_value(fingerprint) as fingerprint,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        cast(count(*) as integer) as memory_count,
        arg_max(item_id, coalesce(context_similarity, -1) - position * 1e-9) as title_memory_id,
        arg_min(item_id, position) filter (where task_type = 'goal') as stated_goal_id,
        arg_min(project, position) as project,
        coalesce({{ ordered_list('item_id', ['position'], "task_type = 'task'") }}, []) as task_memory_ids,
        coalesce({{ ordered_list('item_id', ['position'], "task_type = 'action'") }}, []) as action_memory_ids,
        list_sort(list_distinct(list(project) filter (where project is not null))) as projects,
        list_sort(list_distinct(list(place) filter (where place is not null))) as places,
        list_sort(list_distinct(flatten(list(people)))) as people,
        max(emotional_salience) as emotional_salience,
        count(*) filter (where task_type in ('goal', 'task')) / count(*) as planning_share,
        count(*) filter (where task_type = 'action') / count(*) as action_share
    from items
    group by episode_id, session_id, agent
),

typical as (
    select episode_id, {{ ordered_list('topic', ['-mentions', 'first_position', 'topic']) }}[:5] as topics
    from (
        select episode_id, topic, count(*) as mentions, min(position) as first_position
        from (select episode_id, position, unnest(topics) as topic from items) as topics
        group by episode_id, topic
    ) as counted
    group by episode_id
),

final as (
    select
        grouped.episode_id,
        grouped.fingerprint,
        grouped.session_id,
        grouped.agent,
        grouped.started_at,
        grouped.ended_at,
        grouped.memory_count,
        grouped.title_memory_id,
        grouped.stated_goal_id,
        grouped.project,
        grouped.task_memory_ids,
        grouped.action_memory_ids,
        coalesce(typical.topics, []) as topics,
        coalesce(grouped.projects, []) as projects,
        coalesce(grouped.places, []) as places,
        grouped.people,
        case
            when grouped.planning_share > 0.5 then 'planning'
            when grouped.action_share >= 0.5 then 'doing'
            when grouped.emotional_salience >= 0.6 then 'feeling'
            else 'observing'
        end as episode_type,
        cast(grouped.emotional_salience as double) as emotional_salience
    from grouped
    left join typical using (episode_id)
)

select * from final
