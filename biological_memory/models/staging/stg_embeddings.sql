-- One row per memory with a vector of the content it shows at as_of; read once, and as bytes, which is fastest. A
-- vector written after the inputs were read waits for the next run.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('stg_embedding_inputs'), 'memory_id') }}"
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
        cast(octet_length(vectors.embedding) // 2 as integer) as dimensions,
        vectors.embedding,
        hash(vectors.embedding) as embedding_hash
    from inputs
    inner join vectors using (memory_id, fingerprint)
)

select * from final
