-- One row per short memory that may revise and each earlier one of another session near it: what both are about and
-- give. A long text says many things, so that likeness of two does not tell what was revised; where a text has a first
-- line, as a commit has, that line says what it is about.
{{ config(materialized='view') }}
{% set longest_statement = 500 %}
{% set is_quantity = "(e.kind in ('quantity', 'time'))" %}
with memories as (
    select
        memory_id, item_id, agent, created_at, content,
        row_number() over (partition by agent order by created_at, memory_id) as memory_number
    from {{ ref('stg_memories') }}
),

sessions as (
    select item_id, session_id from {{ ref('stm_sessions') }}
),

statements as (
    select memories.*, sessions.session_id, annotations.revises, annotations.topics, annotations.entities
    from memories
    inner join sessions using (item_id)
    inner join {{ ref('stg_annotations') }} as annotations using (memory_id)
    where coalesce(length(memories.content), 0) <= {{ longest_statement }}
),

-- The few that can revise another: those with a cue of change or a quantity.
revisers as (
    select * from statements
    where revises or len(list_filter(entities, lambda e: {{ is_quantity }})) > 0
),

neighbours as (
    select memory_id as later_id, unnest(neighbour_ids) as earlier_id, unnest(similarities) as cosine_similarity
    from {{ ref('ltm_nearest') }}
    semi join revisers using (memory_id)
),

near as (
    select
        neighbours.*,
        later.agent,
        later.created_at,
        later.memory_number,
        later.revises,
        later.created_at - earlier.created_at >= interval 1 day as is_another_day,
        later.content,
        coalesce(nullif({{ first_line("later.content") }}, ''), later.content) as opening,
        earlier.content as earlier_content,
        {{ entity_texts('later.entities', is_quantity) }} as quantities,
        {{ entity_texts('earlier.entities', is_quantity) }} as earlier_quantities,
        {{ entity_texts('later.entities', 'not ' ~ is_quantity) }} as names,
        {{ entity_texts('earlier.entities', 'not ' ~ is_quantity) }} as earlier_names,
        later.topics,
        earlier.topics as earlier_topics
    from neighbours
    inner join revisers as later on later.memory_id = neighbours.later_id
    inner join statements as earlier on earlier.memory_id = neighbours.earlier_id
    where
        cosine_similarity >= least({{ var('supersession_similarity') }}, {{ var('contradiction_similarity') }})
        and later.session_id <> earlier.session_id
),

final as (
    select
        later_id, earlier_id, agent, cosine_similarity, created_at, memory_number, revises, is_another_day,
        quantities, earlier_quantities, names, earlier_names,
        {{ numbers_beside('content', 'quantities') }} as numbers,
        {{ numbers_beside('earlier_content', 'earlier_quantities') }} as earlier_numbers,
        list_filter(
            list_intersect(list_concat(topics, names), list_concat(earlier_topics, earlier_names)),
            lambda subject: opening = content or contains(lower(opening), subject)
        ) as shared_subjects
    from near
)

select * from final
