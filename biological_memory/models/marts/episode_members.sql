-- One row per memory: its place in its episode; the chunks of a document share the document's place.
-- A view, like memory_states: changes since the last publication are detected in stm_members.
{{ config(materialized='view') }}
with members as (
    select * from {{ by_name(ref('stm_members')) }}
),

items as (
    select * from {{ by_name(ref('stm_episode_items')) }}
),

final as (
    select
        members.memory_id,
        items.episode_id,
        items.position,
        members.occurred_at,
        members.subtask_memory_ids,
        items.project,
        items.file,
        items.channel,
        items.place,
        items.people,
        items.previous_item_id as previous_memory_id,
        items.next_item_id as next_memory_id,
        items.context_similarity,
        cast(items.emotional_salience as double) as emotional_salience,
        members.co_activation_count
    from members
    inner join items using (item_id)
)

select * from final
