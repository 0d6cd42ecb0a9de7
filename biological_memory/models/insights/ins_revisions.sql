-- One row per memory that revises an earlier one: it says that something changed and is similar to what it changes, or
-- is a revert of it as git words it (supersession), or gives other quantities, on another day, for nearly the same
-- statement (contradiction). A long text says many things, so that likeness of two does not tell what was revised.
{% set longest_statement = 500 %}
-- A statement like several earlier ones, with other quantities, is the next of a series (a log).
{% set most_contradicted = 2 %}
{% set is_quantity = "(e.kind in ('quantity', 'time'))" %}
with annotations as (
    select memory_id, memories.created_at, revises, topics, entities
    from {{ ref('stg_annotations') }}
    inner join {{ ref('stg_memories') }} as memories using (memory_id)
    where coalesce(length(memories.content), 0) <= {{ longest_statement }}
),

-- The few memories that can revise another: those with a cue of change or a quantity.
revisers as (
    select * from annotations
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
        later.created_at,
        later.revises,
        later.created_at - earlier.created_at >= interval 1 day as is_another_day,
        {{ entity_texts('later.entities', is_quantity) }} as quantities,
        {{ entity_texts('earlier.entities', is_quantity) }} as earlier_quantities,
        list_concat(later.topics, {{ entity_texts('later.entities', 'not ' ~ is_quantity) }}) as subjects,
        list_concat(earlier.topics, {{ entity_texts('earlier.entities', 'not ' ~ is_quantity) }}) as earlier_subjects
    from neighbours
    inner join revisers as later on later.memory_id = neighbours.later_id
    inner join annotations as earlier on earlier.memory_id = neighbours.earlier_id
    where cosine_similarity >= least({{ var('supersession_similarity') }}, {{ var('contradiction_similarity') }})
),

compared as (
    select
        later_id, earlier_id, cosine_similarity, created_at, revises, is_another_day,
        list_has_any(subjects, earlier_subjects) as shares_subject,
        len(quantities) > 0 and len(earlier_quantities) > 0
        and not list_has_any(quantities, earlier_quantities) as quantities_differ
    from near
),

superseding as (
    select *, 'supersession' as revision_type from compared
    where revises and shares_subject and cosine_similarity >= {{ var('supersession_similarity') }}
),

contradicting as (
    select *, 'contradiction' as revision_type from compared
    where
        not revises and shares_subject and quantities_differ and is_another_day
        and cosine_similarity >= {{ var('contradiction_similarity') }}
    qualify count(*) over (partition by later_id) <= {{ most_contradicted }}
),

revising as (
    select later_id, earlier_id, cosine_similarity, created_at, revision_type from superseding
    union all
    select later_id, earlier_id, cosine_similarity, created_at, revision_type from contradicting
    union all
    select later_id, earlier_id, 1e0 as cosine_similarity, created_at, 'supersession' as revision_type
    from {{ ref('ins_reverts') }}
),

final as (
    select later_id, earlier_id, cosine_similarity, revision_type, created_at as revised_at
    from revising
    qualify row_number() over (partition by later_id order by cosine_similarity desc, earlier_id) = 1
)

select * from final
