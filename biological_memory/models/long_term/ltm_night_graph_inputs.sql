-- One row per agent: a fingerprint of the ties and memories that the last night saw. The fingerprint of each memory's
-- neighbours and its place in an episode stand for its semantic and temporal ties.
with night_ties as (
    select * from {{ ref('ltm_night_ties') }}
    where tie_type not in ('semantic', 'temporal')
),

nearest as (
    select memory_id, fingerprint from {{ ref('ltm_nearest') }}
),

items as (
    select item_id, episode_id, position from {{ ref('stm_episode_items') }}
),

nights as (
    select agent, night, night_at from {{ ref('ltm_nights') }}
    where is_last
),

members as (
    select
        nights.agent,
        nights.night,
        {{ rows_hash(
            'memories.memory_id, memories.created_at, nearest.fingerprint, items.episode_id, items.position'
        ) }} as memories_hash
    from nights
    inner join {{ ref('stg_memories') }} as memories
        on memories.agent = nights.agent and memories.created_at < nights.night_at
    left join nearest using (memory_id)
    left join items on memories.memory_id = items.item_id
    group by nights.agent, nights.night
),

ties as (
    select agent, {{ rows_hash('memory_a, memory_b, tie_type, created_at, weight') }} as ties_hash from night_ties
    group by agent
),

final as (
    select
        members.agent,
        members.night,
        md5(
            members.memories_hash || ' ' || coalesce(ties.ties_hash, 0) || ' {{ var("contiguity_lag") }}'
            || ' {{ var("contiguity_decay") }} {{ var("contiguity_context") }} {{ var("activation_decay") }}'
            || ' {{ var("community_resolution") }}'
        ) as fingerprint
    from members
    left join ties using (agent)
)

select * from final
