-- One row per memory that is annotated: which annotation of the content it shows stands at as_of. A chat model's comes
-- before the rules', the latest first.
with annotations as (
    select content_hash, annotator, annotator_version, annotated_at from {{ source('dreams', 'annotations') }}
    where annotated_at <= {{ as_of() }}
),

memories as (
    select memory_id, content_hash from {{ ref('stg_memories') }}
),

best as (
    select * from annotations
    qualify row_number() over (
        partition by content_hash order by annotator = 'rules', annotated_at desc, annotator, annotator_version desc
    ) = 1
),

final as (
    select
        memories.memory_id,
        content_hash,
        best.annotator,
        best.annotator_version,
        hash(content_hash, best.annotator, best.annotator_version, best.annotated_at) as fingerprint
    from memories
    inner join best using (content_hash)
)

select * from final
