-- One row per memory: the stored state from which its strength and fate at any instant follow. The chunks of a document
-- share its events, and so its stability; gist, concepts and vector are their own.
with meanings as (
    select * from {{ ref('ltm_meanings') }}
),

nearest as (
    select memory_id, neighbour_ids from {{ ref('ltm_nearest') }}
),

revisions as (
    select
        earlier_id as memory_id,
        arg_min(later_id, (revised_at, later_id)) as superseded_by,
        min(revised_at) as valid_until
    from {{ ref('ins_revisions') }}
    group by earlier_id
),

final as (
    select
        meanings.memory_id,
        meanings.agent,
        meanings.created_at,
        reviews.stability_days,
        reviews.difficulty,
        reviews.last_reviewed_at,
        reviews.review_count,
        reviews.lapse_count,
        accesses.access_count,
        accesses.last_accessed_at,
        accesses.presentation_count,
        accesses.last_presented_at,
        cast(encodings.encoding as double) as encoding,
        coalesce(associations.association_sum, 0.0) as association_sum,
        associations.association_night,
        accesses.pinned,
        meanings.gist as semantic_gist,
        meanings.concepts,
        case
            when reviews.stability_days >= {{ var('stability_half_days') }} then 'semantic'
            when meanings.is_procedural then 'procedural'
            else 'episodic'
        end as knowledge_type,
        1 + cast(meanings.is_goal as integer)
        + cast(coalesce(communities.network_centrality >= 2, false) as integer) as abstraction_level,
        coalesce(nearest.neighbour_ids, []) as semantic_associations,
        communities.network_centrality,
        communities.clustering_coefficient,
        communities.area_id,
        communities.cluster_id,
        revisions.superseded_by,
        revisions.valid_until,
        [meanings.item_id] || list_filter(
            coalesce(nearest.neighbour_ids, []), lambda earlier_id: earlier_id <> meanings.item_id
        ) as provenance,
        case
            when reviews.review_count > 1 then 'recall'
            when accesses.rehearsal_count > 0 then 'replay'
            when associations.association_sum > 0 then 'association'
            else 'encoding'
        end as consolidation_source
    from meanings
    inner join {{ ref('ltm_reviews') }} as reviews using (item_id)
    inner join {{ ref('ltm_accesses') }} as accesses using (item_id)
    inner join {{ ref('con_encoding') }} as encodings using (item_id)
    left join {{ ref('con_associations') }} as associations using (item_id)
    left join nearest using (memory_id)
    left join revisions using (memory_id)
    left join {{ ref('ltm_communities') }} as communities using (memory_id)
)

select * from final
