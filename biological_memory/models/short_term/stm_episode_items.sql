-- One row per item: its episode, its place in it, and what its metadata and annotation say.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('stm_episode_item_inputs'), 'item_id') }}"
) }}
with inputs as (
    select * from {{ ref('stm_episode_item_inputs') }}
    {{ where_missing('item_id') }}
),

sessions as (
    select * from {{ ref('stm_sessions') }}
),

contexts as (
    select * from {{ ref('stm_context') }}
),

annotations as (
    select * from {{ ref('stg_annotations') }}
),

memories as (
    select * from {{ ref('stg_memories') }}
),

final as (
    select
        inputs.item_id,
        inputs.fingerprint,
        sessions.agent,
        sessions.session_id,
        sessions.session_id || '#' || contexts.episode_number as episode_id,
        sessions.created_at as occurred_at,
        sessions.session_position,
        contexts.position,
        contexts.previous_item_id,
        contexts.next_item_id,
        contexts.context_similarity,
        coalesce(annotations.task_type, 'observation') as task_type,
        {{ emotional_salience('annotations.sentiment') }} as emotional_salience,
        coalesce(annotations.topics, []) as topics,
        memories.project,
        coalesce(memories.file, list_filter(annotations.entities, lambda e: e.kind = 'file')[1].text) as file,
        memories.channel,
        coalesce(memories.place, list_filter(annotations.entities, lambda e: e.kind = 'place')[1].text) as place,
        list_sort(list_distinct(list_concat(
            memories.people,
            list_transform(
                list_filter(coalesce(annotations.entities, []), lambda e: e.kind = 'person'), lambda e: e.text
            )
        ))) as people
    from inputs
    inner join sessions using (item_id)
    inner join contexts using (item_id)
    inner join memories on memories.memory_id = inputs.item_id
    left join annotations on annotations.memory_id = inputs.item_id
)

select * from final
