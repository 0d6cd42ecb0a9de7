-- One row per community (area or cluster) of two memories or more: its most typical concepts, frequent inside and rare
-- outside (class-based tf-idf). Counts concepts by the hash of their name and communities by number, which takes half
-- the time.
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
    select agent, sum(concept_count) as total_count from frequencies group by agent
),

counted as (
    select communities.community_number, agent, concepts.concept_hash, count(*) as inside_count
    from levels
    inner join communities using (agent, level, community_id)
    inner join concepts using (agent, memory_id)
    group by communities.community_number, agent, concepts.concept_hash
),

weighed as (
    select
        counted.community_number,
        frequencies.concept,
        counted.inside_count * ln(1 + totals.total_count / frequencies.concept_count) as typicality
    from counted
    inner join frequencies using (agent, concept_hash)
    inner join totals using (agent)
    qualify rank() over (partition by counted.community_number order by typicality desc) <= 8
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
