-- One row per memory: the stored state from which its strength and fate at any instant follow. The chunks of a document
-- share its events, and so its stability; gist, concepts and vector are their own.
-- A view: of a million memories, gists, concepts and neighbours take longer to write than all else to compute. What
-- differs from what was published is told by ltm_states.
{{ config(materialized='view') }}
with states as (
    select * from {{ by_name(ref('ltm_states')) }}
),

meanings as (
    select memory_id, gist, concepts from {{ by_name(ref('ltm_meanings')) }}
),

nearest as (
    select memory_id, neighbour_ids from {{ by_name(ref('ltm_nearest')) }}
),

final as (
    select
        states.memory_id,
        states.agent,
        states.created_at,
        states.stability_days,
        states.difficulty,
        states.last_reviewed_at,
        states.review_count,
        states.lapse_count,
        states.access_count,
        states.last_accessed_at,
        states.presentation_count,
        states.last_presented_at,
        states.encoding,
        states.association_sum,
        states.association_night,
        states.pinned,
        meanings.gist as semantic_gist,
        meanings.concepts,
        states.knowledge_type,
        states.abstraction_level,
        coalesce(nearest.neighbour_ids, []) as semantic_associations,
        states.network_centrality,
        states.clustering_coefficient,
        states.area_id,
        states.cluster_id,
        states.superseded_by,
        states.valid_until,
        [states.item_id] || list_filter(
            coalesce(nearest.neighbour_ids, []), lambda earlier_id: earlier_id <> states.item_id
        ) as provenance,
        states.consolidation_source
    from states
    inner join meanings using (memory_id)
    left join nearest using (memory_id)
)

select * from final
