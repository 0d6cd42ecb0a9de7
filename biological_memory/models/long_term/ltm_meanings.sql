-- One row per memory: what it is about, what kind of knowledge it is, and which earlier memories it is near to.
{{ config(materialized='view') }}
with gists as (
    select * from {{ ref('ltm_gists') }}
),

concepts as (
    select memory_id, concepts from {{ ref('ltm_concept_lists') }}
),

annotations as (
    select
        memory_id,
        task_type = 'goal' as is_goal,
        task_type in ('task', 'action') and len(list_filter(entities, lambda e: e.kind in ('code', 'file'))) > 0
            as is_procedural
    from {{ ref('stg_annotations') }}
),

nearest as (
    select memory_id, neighbour_ids from {{ ref('ltm_nearest') }}
),

final as (
    select
        gists.memory_id,
        gists.gist,
        concepts.concepts,
        coalesce(annotations.is_goal, false) as is_goal,
        coalesce(annotations.is_procedural, false) as is_procedural,
        coalesce(nearest.neighbour_ids, []) as semantic_associations
    from gists
    inner join concepts using (memory_id)
    left join annotations using (memory_id)
    left join nearest using (memory_id)
)

select * from final
