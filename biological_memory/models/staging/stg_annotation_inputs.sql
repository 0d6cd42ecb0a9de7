-- One row per memory that is annotated: a fingerprint of the annotation of the content it shows that stands at as_of. A
-- chat model's comes before the rules', the latest first.
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
