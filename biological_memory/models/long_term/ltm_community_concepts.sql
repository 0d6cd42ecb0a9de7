-- One row per community (area or cluster) of two memories or more: the concepts that tell it from its siblings, by the
-- term of each in the Kullback-Leibler divergence. What stands on all memories tells nothing. Counts concepts by hash
-- and communities by number, which takes half the time.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale_parts(ref('ltm_community_inputs')) }}"
) }}
with inputs as (
    select * from {{ ref('ltm_community_inputs') }}
    {{ where_part_is_missing(ref('ltm_community_inputs')) }}
),

members as (
    select agent, found.memory_id, found.area_id, found.cluster_id
    from {{ ref('ltm_communities') }} as found inner join inputs using (agent)
),

concepts as (
    select memory_id, hash(concept) as concept_hash, concept from {{ ref('ltm_concepts') }}
),

levels as (
    select agent, memory_id, area_id as community_id, 'area' as level, cast(null as varchar) as parent_id from members
    union all
    select agent, memory_id, cluster_id as community_id, 'cluster' as level, area_id as parent_id from members
),

communities as (
    select
        agent, level, community_id, any_value(parent_id) as parent_id, cast(count(*) as integer) as memory_count,
        sum(count(*)) over (partition by agent, level, any_value(parent_id)) as family_count,
        row_number() over () as community_number
    from levels group by agent, level, community_id
),

counted as (
    select community_number, concept_hash, any_value(concept) as concept, count(*) as inside
    from levels
    inner join communities using (agent, level, community_id)
    inner join concepts using (memory_id)
    group by community_number, concept_hash
),

-- The siblings of an area are all other areas, those of a cluster the other clusters of its area.
compared as (
    select
        community_number, communities.memory_count, concept, inside / communities.memory_count as inside_share,
        sum(inside) over (partition by agent, level, parent_id, concept_hash) - inside as outside,
        family_count - communities.memory_count as others
    from counted inner join communities using (community_number)
),

-- Without siblings, the more frequent concept is more typical, but for one on every memory.
weighed as (
    select
        community_number, concept,
        case
            when others > 0
                then inside_share * ln(inside_share / greatest((outside + 1) / (others + 2), outside / others))
            else if(inside_share < 1, inside_share, 0)
        end as typicality
    from compared where memory_count > 1
    qualify rank() over (partition by community_number order by typicality desc) <= 8
),

named as (
    select community_number, {{ ordered_list('concept', ['-typicality', 'concept']) }}[:8] as concepts
    from weighed group by community_number
),

final as (
    select
        community_id, agent, inputs.fingerprint, level, parent_id, memory_count, coalesce(concepts, []) as concepts
    from communities
    inner join inputs using (agent)
    left join named using (community_number)
    where memory_count > 1
)

select * from final
