-- One row per memory: what it is about, what kind of knowledge it is, and which earlier memories it is near to.
with gists as (
    select * from {{ ref('ltm_gists') }}
),

concepts as (
    select memory_id, {{ ordered_list('concept', ['place']) }} as concepts from {{ ref('ltm_concepts') }}
    group by memory_id
),

annotations as (
    select
        memory_id,
        task_type = 'goal' as is_goal,
        task_type in ('task', 'action') and len(list_filter(entities, lambda e: e.kind in ('code', 'file'))) > 0
            as is_procedural
    from {{ ref('stg_annotations') }}
),

sources as (
    select
        later_id as memory_id,
        {{ ordered_list('earlier_id', ['-cosine_similarity', 'earlier_id']) }} as semantic_associations
    from {{ ref('ltm_semantic_edges') }}
    group by later_id
),

final as (
    select
        gists.memory_id,
        gists.gist,
        coalesce(concepts.concepts, []) as concepts,
        coalesce(annotations.is_goal, false) as is_goal,
        coalesce(annotations.is_procedural, false) as is_procedural,
        coalesce(sources.semantic_associations, []) as semantic_associations
    from gists
    left join concepts using (memory_id)
    left join annotations using (memory_id)
    left join sources using (memory_id)
)

select * from final
