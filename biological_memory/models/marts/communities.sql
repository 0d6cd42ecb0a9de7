-- One row per community of the last night: an area, or a cluster within one, named after its most typical concepts.
with communities as (
    select * from {{ ref('ltm_community_concepts') }}
),

nights as (
    select agent, night from {{ ref('ltm_nights') }}
    where is_last
),

final as (
    select
        communities.community_id, communities.agent, nights.night, communities.level, communities.parent_id,
        coalesce(nullif(array_to_string(communities.concepts[:3], ', '), ''), 'unnamed') as name,
        communities.concepts,
        communities.memory_count
    from communities
    inner join nights using (agent)
)

select * from final
