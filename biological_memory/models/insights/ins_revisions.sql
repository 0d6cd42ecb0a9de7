-- One row per memory that revises an earlier one: it says that something changed and is similar to what it changes
-- (supersession), or gives other quantities, on another day, for nearly the same statement (contradiction).
{% set is_quantity = "(e.kind in ('quantity', 'time'))" %}
with annotations as (
    select memory_id, memories.created_at, revises, topics, entities
    from {{ ref('stg_annotations') }}
    inner join {{ ref('stg_memories') }} as memories using (memory_id)
),

-- The few memories that can revise another: those with a cue of change or a quantity.
revisers as (
    select * from annotations
    where revises or len(list_filter(entities, lambda e: {{ is_quantity }})) > 0
),

neighbours as (
    select memory_id, unnest(neighbour_ids) as earlier_id, unnest(similarities) as cosine_similarity
    from {{ ref('ltm_nearest') }}
    semi join revisers using (memory_id)
),

edges as (
    select memory_id as later_id, earlier_id, cosine_similarity from neighbours
    where cosine_similarity >= least({{ var('supersession_similarity') }}, {{ var('contradiction_similarity') }})
),

near as (
    select
        edges.*,
        later.created_at,
        later.revises,
        later.created_at - earlier.created_at >= interval 1 day as is_another_day,
        {{ entity_texts('later.entities', is_quantity) }} as quantities,
        {{ entity_texts('earlier.entities', is_quantity) }} as earlier_quantities,
        list_concat(later.topics, {{ entity_texts('later.entities', 'not ' ~ is_quantity) }}) as subjects,
        list_concat(earlier.topics, {{ entity_texts('earlier.entities', 'not ' ~ is_quantity) }}) as earlier_subjects
    from edges
    inner join revisers as later on later.memory_id = edges.later_id
    inner join annotations as earlier on earlier.memory_id = edges.earlier_id
),

compared as (
    select
        later_id, earlier_id, cosine_similarity, created_at, revises, is_another_day,
        list_has_any(subjects, earlier_subjects) as shares_subject,
        len(quantities) > 0 and len(earlier_quantities) > 0
        and not list_has_any(quantities, earlier_quantities) as quantities_differ
    from near
),

revising as (
    select
        *,
        if(revises, 'supersession', 'contradiction') as revision_type
    from compared
    where
        shares_subject
        and (
            (revises and cosine_similarity >= {{ var('supersession_similarity') }})
            or (
                not revises and quantities_differ and is_another_day
                and cosine_similarity >= {{ var('contradiction_similarity') }}
            )
        )
),

final as (
    select later_id, earlier_id, cosine_similarity, revision_type, created_at as revised_at
    from revising
    qualify row_number() over (partition by later_id order by cosine_similarity desc, earlier_id) = 1
)

select * from final
