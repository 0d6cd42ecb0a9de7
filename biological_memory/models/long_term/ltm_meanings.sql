-- One row per memory: its gist in a sentence (its summary, else the annotation's gist, else its beginning), its
-- distinct concepts (the topics of its annotation, then its tags), the names in it, and its kind of knowledge. Names
-- are words of three letters or more with a capital and, in scripts without capitals, entities.
{% set most_characters = 100000 %}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('ltm_meaning_inputs'), 'memory_id') }}"
) }}
with inputs as (
    select * from {{ ref('ltm_meaning_inputs') }}
    {{ where_missing('memory_id') }}
),

annotations as (
    select memory_id, gist, topics, task_type, entities from {{ ref('stg_annotations') }}
),

memories as (
    select memory_id, item_id, agent, summary, content, tags, channel, created_at from {{ ref('stg_memories') }}
),

named as (
    select
        memories.memory_id,
        inputs.fingerprint,
        memories.item_id,
        memories.agent,
        memories.created_at,
        coalesce(
            nullif(trim(memories.summary), ''),
            nullif(annotations.gist, ''),
            left(regexp_replace(memories.content, '\s+', ' ', 'g'), 200)
        ) as gist,
        list_concat(
            coalesce(annotations.topics, []),
            -- The name of a source stands on all its memories, and tells nothing of one.
            list_filter(
                list_transform(memories.tags, lambda tag: lower(trim(tag))),
                lambda tag: tag is distinct from lower(memories.channel)
            )
        ) as concepts,
        list_concat(
            regexp_extract_all(left(memories.content, {{ most_characters }}), '(?:^|[^\pL\pN])(\p{Lu}\pL{2,})', 1),
            list_transform(
                list_filter(
                    coalesce(annotations.entities, []),
                    lambda e: e.kind not in ('quantity', 'time') and lower(e.text) = e.text
                ),
                lambda e: e.text
            )
        ) as names,
        annotations.task_type,
        coalesce(len(list_filter(annotations.entities, lambda e: e.kind in ('code', 'file'))) > 0, false)
            as names_code
    from inputs
    inner join memories using (memory_id)
    left join annotations using (memory_id)
),

told as (
    select
        memory_id, fingerprint, item_id, agent, created_at, gist,
        list_filter(concepts, lambda concept, place:  -- noqa: PRS
            concept <> '' and list_position(concepts, concept) = place
        ) as concepts,
        list_sort(list_distinct(list_transform(names, lambda name: hash(agent, lower(name))))) as name_hashes,
        coalesce(task_type = 'goal', false) as is_goal,
        coalesce(task_type in ('task', 'action'), false) and names_code as is_procedural
    from named
),

-- Adds hashes of the first ten concepts, which ltm_concept_edges associates: hashes compare in a third of the time.
-- They include the agent, because agents do not share concepts.
final as (
    select *, list_transform(concepts[:10], lambda concept: hash(agent, concept)) as concept_hashes from told
)

select * from final
