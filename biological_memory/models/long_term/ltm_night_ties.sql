-- One row per tie, of any kind, between two memories of an agent before the last night. The smaller id comes first.
{{ config(materialized='view') }}
with nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

memories as (
    select memory_id, agent, created_at from {{ ref('stg_memories') }}
),

-- The memories that the last night saw: ties to any others are not in the graph.
seen as (
    select memories.memory_id, memories.agent, nights.night_at
    from memories
    inner join nights on nights.agent = memories.agent and memories.created_at < nights.night_at
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
        earlier.agent,
        least(ties.earlier_id, ties.later_id) as memory_a,
        greatest(ties.earlier_id, ties.later_id) as memory_b,
        ties.tie_type,
        ties.created_at,
        ties.weight
    from ties
    inner join seen as earlier on earlier.memory_id = ties.earlier_id and ties.created_at < earlier.night_at
    inner join seen as later on later.memory_id = ties.later_id and later.agent = earlier.agent
)

select * from final
