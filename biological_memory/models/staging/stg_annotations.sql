-- One row per annotated memory: its current annotation.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('stg_annotation_inputs'), 'memory_id') }}"
) }}
{% set most_asked_for = 5000 %}
{% set few = few_missing(
    ref('stg_annotation_inputs'), 'memory_id', most_asked_for, ref('stg_memories'), 'content_hash'
) %}

with annotations as (
    select *, {{ annotation_fingerprint() }} as fingerprint
    from {{ source('dreams', 'annotations') if few is none else stored_annotations(few) }}
),

inputs as (
    select * from {{ ref('stg_annotation_inputs') }}
    {{ where_missing('memory_id') }}
),

memories as (
    select memory_id, content_hash from {{ ref('stg_memories') }}
),

final as (
    select
        inputs.memory_id,
        inputs.fingerprint,
        annotations.annotator,
        cast(cast(annotations.entities as json) as struct(text varchar, kind varchar)[]) as entities,
        annotations.topics,
        annotations.sentiment,
        annotations.task_type,
        annotations.gist,
        annotations.revises
    from inputs
    inner join memories using (memory_id)
    inner join annotations using (content_hash, fingerprint)
)

select * from final
