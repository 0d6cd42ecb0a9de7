-- One row per community of the last night: an area or, within it, a cluster, named by its most typical concepts
-- (frequent inside, rare outside: class-based tf-idf).
with members as (
    select * from {{ ref('ltm_communities') }}
),

nights as (
    select agent, night from {{ ref('ltm_nights') }}
    where is_last
),

concepts as (
    select memory_id, concept from {{ ref('ltm_concepts') }}
),

levels as (
    select agent, memory_id, area_id as community_id, 'area' as level, cast(null as varchar) as parent_id from members
    union all
    select agent, memory_id, cluster_id as community_id, 'cluster' as level, area_id as parent_id from members
),

sizes as (
    select agent, level, community_id, any_value(parent_id) as parent_id, cast(count(*) as integer) as memory_count
    from levels
    group by agent, level, community_id
    having count(*) > 1
),

counted as (
    select levels.agent, levels.level, levels.community_id, concepts.concept, count(*) as inside_count
    from levels
    inner join concepts using (memory_id)
    group by levels.agent, levels.level, levels.community_id, concepts.concept
),

weighed as (
    select
        *,
        inside_count * ln(
            1 + sum(inside_count) over (partition by agent, level)
            / sum(inside_count) over (partition by agent, level, concept)
        ) as typicality
    from counted
),

named as (
    select agent, level, community_id, {{ ordered_list('concept', ['-typicality', 'concept']) }}[:8] as concepts
    from weighed
    group by agent, level, community_id
),

final as (
    select
        sizes.community_id,
        sizes.agent,
        nights.night,
        sizes.level,
        sizes.parent_id,
        coalesce(array_to_string(named.concepts[:3], ', '), 'unnamed') as name,
        coalesce(named.concepts, []) as concepts,
        sizes.memory_count
    from sizes
    inner join nights using (agent)
    left join named using (agent, level, community_id)
)

select * from final
