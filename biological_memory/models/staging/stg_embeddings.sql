-- One row per memory that has a vector of the content it shows at as_of; read as real[], which is fastest, and once.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('stg_embedding_inputs'), 'memory_id') }}", post_hook="{{ pad_vectors() }}"
) }}
{% set most_asked_for = 5000 %}

with vectors as (
    select * from {{ stored_vectors(few_missing(ref('stg_embedding_inputs'), 'memory_id', most_asked_for)) }}
),

inputs as (
    select * from {{ ref('stg_embedding_inputs') }}
    {{ where_missing('memory_id') }}
),

final as (
    select
        inputs.memory_id,
        inputs.fingerprint,
        vectors.embedding_model,
        cast(vectors.embedding as float[]) as embedding,
        hash(cast(vectors.embedding as float[])) as embedding_hash
    from inputs
    inner join vectors using (memory_id, content_hash)
)

select * from final
