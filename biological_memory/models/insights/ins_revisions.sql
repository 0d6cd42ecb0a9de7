-- One row per memory that revises an earlier one: it says that something changed and is near to what it changes
-- (supersession), or gives other quantities, on another day, for what is nearly the same statement (contradiction).
with edges as (
    select * from {{ ref('ltm_semantic_edges') }}
    where cosine_similarity >= least({{ var('supersession_similarity') }}, {{ var('contradiction_similarity') }})
),

annotations as (
    select
        memory_id,
        memories.created_at,
        revises,
        list_transform(
            list_filter(entities, lambda e: e.kind in ('quantity', 'time')), lambda e: lower(e.text)
        ) as quantities,
        list_distinct(list_concat(topics, list_transform(
            list_filter(entities, lambda e: e.kind not in ('quantity', 'time')), lambda e: lower(e.text)
        ))) as subjects
    from {{ ref('stg_annotations') }}
    inner join {{ ref('stg_memories') }} as memories using (memory_id)
),

-- Nobody else revises anything, and few do.
revisers as (
    select * from annotations
    where revises or len(quantities) > 0
),

compared as (
    select
        edges.*,
        later.revises,
        edges.created_at - earlier.created_at >= interval 1 day as is_another_day,
        list_has_any(later.subjects, earlier.subjects) as shares_subject,
        len(later.quantities) > 0 and len(earlier.quantities) > 0
        and not list_has_any(later.quantities, earlier.quantities) as quantities_differ
    from edges
    inner join revisers as later on later.memory_id = edges.later_id
    inner join annotations as earlier on earlier.memory_id = edges.earlier_id
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
