-- One row per pair of memories linked before the last night: all their ties joined by a noisy or. ltm_communities reads
-- it if it has changed.
{{ config(materialized='view') }}
with ties as (
    select * from {{ ref('ltm_night_ties') }}
),

final as (
    select agent, memory_a, memory_b, round(1 - exp({{ exact_sum('ln(1 - weight)') }}), 9) as weight
    from ties
    group by agent, memory_a, memory_b
)

select * from final
