-- One row per annotated memory: a fingerprint of the current annotation, at as_of, of the content it shows. A chat
-- model's takes precedence over the rules', then a later one over an earlier.
with annotations as (
    select
        content_hash, annotator = 'rules' as is_by_rules, annotated_at, {{ annotation_fingerprint() }} as fingerprint
    from {{ source('dreams', 'annotations') }}
    where annotated_at <= {{ as_of() }}
),

memories as (
    select memory_id, content_hash from {{ ref('stg_memories') }}
),

found as (
    select memories.memory_id, annotations.is_by_rules, annotations.annotated_at, annotations.fingerprint
    from memories
    inner join annotations using (content_hash)
),

final as (
    select memory_id, fingerprint from found
    qualify row_number() over (partition by memory_id order by is_by_rules, annotated_at desc, fingerprint) = 1
)

select * from final
