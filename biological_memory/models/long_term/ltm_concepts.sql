-- One row per memory and concept of it: the topics of its annotation, then its tags.
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
        list_distinct(list_concat(
            coalesce(annotations.topics, []), list_transform(memories.tags, lambda tag: lower(trim(tag)))
        )) as distinct_concepts,
        list_concat(
            coalesce(annotations.topics, []), list_transform(memories.tags, lambda tag: lower(trim(tag)))
        ) as concepts
    from memories
    left join annotations using (memory_id)
),

unnested as (
    select
        memory_id, item_id, agent, created_at,
        unnest(distinct_concepts) as concept,
        concepts
    from named
),

final as (
    select
        memory_id,
        item_id,
        agent,
        created_at,
        concept,
        cast(list_position(concepts, concept) as integer) as place
    from unnested
    where concept <> ''
)

select * from final
