-- One row per memory: the stored state that determines its strength and fate at any instant. The chunks of a document
-- share its events, and so its stability; each has its own gist, concepts and vector.
-- A view: for a million memories, writing gists, concepts and neighbours takes longer than computing all the rest.
-- Changes since the last publication are detected in ltm_states.
{{ config(materialized='view') }}
with states as (
    select * from {{ by_name(ref('ltm_states')) }}
),

meanings as (
    select memory_id, agent, gist, concepts, is_goal from {{ by_name(ref('ltm_meanings')) }}
),

reviews as (
    select item_id, stability_days, difficulty, last_reviewed_at, review_count, lapse_count
    from {{ by_name(ref('ltm_reviews')) }}
),

nearest as (
    select memory_id, neighbour_ids from {{ by_name(ref('ltm_nearest')) }}
),

communities as (
    select memory_id, area_id, cluster_id, network_centrality, clustering_coefficient
    from {{ by_name(ref('ltm_communities')) }}
),

final as (
    select
        states.memory_id,
        meanings.agent,
        states.created_at,
        reviews.stability_days,
        reviews.difficulty,
        reviews.last_reviewed_at,
        reviews.review_count,
        reviews.lapse_count,
        states.access_count,
        states.last_accessed_at,
        states.presentation_count,
        cast(states.presentation_strength as double) as presentation_strength,
        states.last_presented_at,
        states.encoding,
        states.association_sum,
        states.association_night,
        states.pinned,
        meanings.gist as semantic_gist,
        meanings.concepts,
        states.knowledge_type,
        1 + cast(meanings.is_goal as integer)
        + cast(coalesce(communities.network_centrality >= 2, false) as integer) as abstraction_level,
        coalesce(nearest.neighbour_ids, []) as semantic_associations,
        communities.network_centrality,
        communities.clustering_coefficient,
        communities.area_id,
        communities.cluster_id,
        states.superseded_by,
        states.valid_until,
        [states.item_id] || list_filter(
            coalesce(nearest.neighbour_ids, []), lambda earlier_id: earlier_id <> states.item_id
        ) as provenance,
        case
            when reviews.review_count > 1 then 'recall'
            when states.presentation_count > states.access_count + states.reminding_count then 'replay'
            when states.reminding_count > 0 then 'reminding'
            when states.association_sum > 0 then 'association'
            else 'encoding'
        end as consolidation_source
    from states
    inner join meanings using (memory_id)
    inner join reviews using (item_id)
    left join nearest using (memory_id)
    left join communities using (memory_id)
)

select * from final
