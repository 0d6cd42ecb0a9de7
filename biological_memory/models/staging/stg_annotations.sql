-- One row per memory: its annotation, a chat model's before the rules', the latest first.
with annotations as (
    select * from {{ source('dreams', 'annotations') }}
),

memories as (
    select memory_id, content_hash from {{ ref('stg_memories') }}
),

best as (
    select * from annotations
    where annotated_at <= {{ as_of() }}
    qualify row_number() over (
        partition by content_hash order by annotator = 'rules', annotated_at desc, annotator, annotator_version desc
    ) = 1
),

final as (
    select
        memories.memory_id,
        best.annotator,
        cast(cast(best.entities as json) as struct(text varchar, kind varchar)[]) as entities,
        best.topics,
        best.sentiment,
        best.task_type,
        best.gist,
        best.revises
    from memories
    inner join best using (content_hash)
)

select * from final
