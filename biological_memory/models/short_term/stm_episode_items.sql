-- One row per item: the episode it belongs to, its place there, and what the annotation says of it.
with sessions as (
    select * from {{ ref('stm_sessions') }}
),

contexts as (
    select item_id, episode_number, context_similarity from {{ ref('stm_context') }}
),

annotations as (
    select * from {{ ref('stg_annotations') }}
),

memories as (
    select * from {{ ref('stg_memories') }}
    where chunk_index = 1
),

placed as (
    select
        sessions.item_id,
        sessions.agent,
        sessions.session_id,
        sessions.session_id || '#' || contexts.episode_number as episode_id,
        sessions.created_at as occurred_at,
        sessions.session_position,
        contexts.context_similarity,
        coalesce(annotations.task_type, 'observation') as task_type,
        abs(coalesce(annotations.sentiment, 0)) as emotional_salience,
        coalesce(annotations.topics, []) as topics,
        memories.project,
        coalesce(memories.file, list_filter(annotations.entities, lambda e: e.kind = 'file')[1].text) as file,
        memories.channel,
        coalesce(memories.place, list_filter(annotations.entities, lambda e: e.kind = 'place')[1].text) as place,
        list_distinct(list_concat(
            memories.people,
            list_transform(
                list_filter(coalesce(annotations.entities, []), lambda e: e.kind = 'person'), lambda e: e.text
            )
        )) as people
    from sessions
    inner join contexts using (item_id)
    inner join memories using (item_id)
    left join annotations on sessions.item_id = annotations.memory_id
),

final as (
    select
        * replace (list_sort(people) as people),
        cast(row_number() over (
            partition by episode_id order by occurred_at, item_id
        ) as integer) as position
    from placed
)

select * from final
