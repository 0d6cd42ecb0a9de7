-- One row per pair of memories tied before the last night: all their ties joined by a noisy or. Communities are found
-- in it.
with nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

memories as (
    select memory_id, agent from {{ ref('stg_memories') }}
),

coactivations as (
    select
        memory_a as earlier_id, memory_b as later_id, occurred_at as created_at,
        least({{ var('hebbian_learning_rate') }} * activity_product, 0.999) as weight
    from {{ ref('con_coactivations') }}
),

ties as (
    select earlier_id, later_id, created_at, least(cosine_similarity, 0.999) as weight
    from {{ ref('ltm_semantic_edges') }}
    union all by name
    select earlier_id, later_id, created_at, forward_weight as weight from {{ ref('ltm_contiguity_edges') }}
    union all by name
    select earlier_id, later_id, created_at, least(weight, 0.999) as weight from {{ ref('ltm_entity_edges') }}
    union all by name
    select * from coactivations
),

final as (
    select
        memories.agent,
        least(ties.earlier_id, ties.later_id) as memory_a,
        greatest(ties.earlier_id, ties.later_id) as memory_b,
        round(1 - exp({{ exact_sum('ln(1 - ties.weight)') }}), 9) as weight
    from ties
    inner join memories on memories.memory_id = ties.earlier_id
    inner join nights on nights.agent = memories.agent and ties.created_at < nights.night_at
    group by memories.agent, least(ties.earlier_id, ties.later_id), greatest(ties.earlier_id, ties.later_id)
)

select * from final
