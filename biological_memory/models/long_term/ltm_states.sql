-- One row per memory: of its stored state, what is not its meaning and its neighbours. By hashes of these it is told
-- that they are others.
with meanings as (
    select memory_id, item_id, agent, created_at, is_goal, is_procedural, fingerprint from {{ ref('ltm_meanings') }}
),

nearest as (
    select memory_id, hash(neighbour_ids) as neighbours_hash from {{ ref('ltm_nearest') }}
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
        meanings.item_id,
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
        meanings.fingerprint as meaning_fingerprint,
        nearest.neighbours_hash,
        case
            when reviews.stability_days >= {{ var('stability_half_days') }} then 'semantic'
            when meanings.is_procedural then 'procedural'
            else 'episodic'
        end as knowledge_type,
        1 + cast(meanings.is_goal as integer)
        + cast(coalesce(communities.network_centrality >= 2, false) as integer) as abstraction_level,
        communities.network_centrality,
        communities.clustering_coefficient,
        communities.area_id,
        communities.cluster_id,
        revisions.superseded_by,
        revisions.valid_until,
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
