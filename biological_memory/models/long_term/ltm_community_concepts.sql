-- One row per community (area or cluster) of two memories or more: the concepts that tell it from its siblings (other
-- areas, or other clusters of its area): the term of each in the Kullback-Leibler divergence. A concept that stands on
-- every memory tells nothing. Counts concepts by the hash of their name and communities by number, which takes half the
-- time.
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
    select members.agent, memory_id, hash(concepts.concept) as concept_hash, concepts.concept
    from {{ ref('ltm_concepts') }} as concepts inner join members using (memory_id)
),

levels as (
    select agent, memory_id, area_id as community_id, 'area' as level, cast(null as varchar) as parent_id from members
    union all
    select agent, memory_id, cluster_id as community_id, 'cluster' as level, area_id as parent_id from members
),

communities as (
    select
        agent, level, community_id, any_value(parent_id) as parent_id,
        cast(count(*) as integer) as memory_count, row_number() over () as community_number
    from levels
    group by agent, level, community_id
    having count(*) > 1
),

frequencies as (
    select agent, concept_hash, any_value(concept) as concept, count(*) as concept_count from concepts
    group by agent, concept_hash
),

totals as (
    select agent, count(*) as memory_count from members group by agent
),

counted as (
    select
        communities.community_number, communities.community_id, communities.parent_id, agent, concepts.concept_hash,
        communities.memory_count, count(*) as inside_count
    from levels
    inner join communities using (agent, level, community_id)
    inner join concepts using (agent, memory_id)
    group by all
),

-- Counts of the siblings: of all areas for an area, of the clusters of its area for a cluster.
compared as (
    select
        counted.community_number,
        counted.agent,
        counted.concept_hash,
        counted.inside_count / counted.memory_count as inside_share,
        coalesce(areas.memory_count, totals.memory_count) - counted.memory_count as other_memories,
        coalesce(areas.inside_count, frequencies.concept_count) - counted.inside_count as outside_count
    from counted
    inner join totals using (agent)
    inner join frequencies using (agent, concept_hash)
    left join counted as areas
        on
            counted.parent_id = areas.community_id
            and counted.agent = areas.agent
            and counted.concept_hash = areas.concept_hash
            and areas.parent_id is null
),

-- Without siblings, the more frequent concept is more typical, but for one on every memory.
weighed as (
    select
        compared.community_number,
        frequencies.concept,
        case
            when other_memories > 0
                then inside_share * ln(inside_share / greatest(
                        (outside_count + 1) / (other_memories + 2), outside_count / other_memories
                    ))
            when inside_share < 1 then inside_share
            else 0
        end as typicality
    from compared
    inner join frequencies using (agent, concept_hash)
    qualify rank() over (partition by compared.community_number order by typicality desc) <= 8
),

named as (
    select community_number, {{ ordered_list('concept', ['-typicality', 'concept']) }}[:8] as concepts from weighed
    group by community_number
),

final as (
    select
        communities.community_id, agent, inputs.fingerprint, communities.level, communities.parent_id,
        communities.memory_count, coalesce(named.concepts, []) as concepts
    from communities
    inner join inputs using (agent)
    left join named using (community_number)
)

select * from final
