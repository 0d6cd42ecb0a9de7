-- One row per memory: its concepts, each once: the topics of its annotation, then its tags.
with annotations as (
    select memory_id, topics from {{ ref('stg_annotations') }}
),

memories as (
    select memory_id, item_id, agent, tags, created_at from {{ ref('stg_memories') }}
),

named as (
    select
        memories.memory_id,
        memories.item_id,
        memories.agent,
        memories.created_at,
        list_concat(
            coalesce(annotations.topics, []), list_transform(memories.tags, lambda tag: lower(trim(tag)))
        ) as concepts
    from memories
    left join annotations using (memory_id)
),

final as (
    select
        memory_id,
        item_id,
        agent,
        created_at,
        list_filter(concepts, lambda concept, place:  -- noqa: PRS
            concept <> '' and list_position(concepts, concept) = place
        ) as concepts
    from named
)

select * from final
