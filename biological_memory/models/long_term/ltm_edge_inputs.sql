-- One row per day (UTC) on which edges began: a fingerprint of what they are computed from. Semantic and temporal edges
-- begin with the later memory: the fingerprints of its neighbours and of its place in an episode stand for them.
with memories as (
    select memory_id, created_at from {{ ref('stg_memories') }}
),

nearest as (
    select memory_id, fingerprint from {{ ref('ltm_nearest') }}
),

items as (
    select item_id, fingerprint from {{ ref('stm_episode_items') }}
),

told as (
    select
        {{ day_number('memories.created_at') }} as day,
        hash(memories.memory_id, memories.created_at, nearest.fingerprint, items.fingerprint) as edge_hash
    from memories
    left join nearest using (memory_id)
    left join items on memories.memory_id = items.item_id
    union all
    select
        {{ day_number('created_at') }} as day,
        hash('entity', earlier_id, later_id, weight, entity_count, created_at) as edge_hash
    from {{ ref('ltm_entity_edges') }}
    union all
    select
        {{ day_number('created_at') }} as day,
        hash('mention', earlier_id, later_id, weight, mention_count, created_at) as edge_hash
    from {{ ref('ltm_mention_edges') }}
    union all
    select
        {{ day_number('first_at') }} as day,
        hash('hebbian', memory_a, memory_b, weight, evidence_count, first_at, last_at, scaled_through) as edge_hash
    from {{ ref('con_hebbian_edges') }}
),

final as (
    select
        day,
        hash(
            day,
            {{ rows_hash('edge_hash') }},
            '{{ var("contiguity_lag") }} {{ var("contiguity_decay") }} {{ var("contiguity_backward") }} '
            || '{{ var("contiguity_context") }} {{ var("activation_decay") }}'
        ) as fingerprint
    from told
    group by day
)

select * from final
