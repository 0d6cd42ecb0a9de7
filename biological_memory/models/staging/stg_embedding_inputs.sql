-- One row per memory with a vector of the content it shows at as_of: a fingerprint that identifies the vector.
{{ config(materialized='view') }}
with inputs as (
    select * from {{ ref('stg_memory_inputs') }}
),

final as (
    select memory_id, vector_hash as fingerprint from inputs
    where vector_hash is not null
)

select * from final
