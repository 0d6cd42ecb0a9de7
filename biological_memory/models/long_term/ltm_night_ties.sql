-- One row per tie of any kind that two memories had before the last night. The smaller id comes first.
{{ config(materialized='view') }}
with nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

memories as (
    select memory_id, agent from {{ ref('stg_memories') }}
),

coactivations as (
    select
        memory_a as earlier_id, memory_b as later_id, 'hebbian' as tie_type, occurred_at as created_at,
        least({{ var('hebbian_learning_rate') }} * activity_product, 0.999) as weight
    from {{ ref('con_coactivations') }}
),

ties as (
    select
        earlier_id, later_id, 'semantic' as tie_type, created_at, least(cosine_similarity, 0.999) as weight
    from {{ ref('ltm_semantic_edges') }}
    union all by name
    select earlier_id, later_id, 'temporal' as tie_type, created_at, forward_weight as weight
    from {{ ref('ltm_contiguity_edges') }}
    union all by name
    select earlier_id, later_id, 'entity' as tie_type, created_at, least(weight, 0.999) as weight
    from {{ ref('ltm_entity_edges') }}
    union all by name
    select * from coactivations
),

final as (
    select
        memories.agent,
        least(ties.earlier_id, ties.later_id) as memory_a,
        greatest(ties.earlier_id, ties.later_id) as memory_b,
        ties.tie_type,
        ties.created_at,
        ties.weight
    from ties
    inner join memories on memories.memory_id = ties.earlier_id
    inner join nights on nights.agent = memories.agent and ties.created_at < nights.night_at
)

select * from final
