-- One row per memory: the part of its stored state that no other model holds, and hashes of the rest. They show whether
-- its row in memory_states has changed.
with meanings as (
    select memory_id, item_id, created_at, is_procedural, fingerprint from {{ ref('ltm_meanings') }}
),

nearest as (
    select memory_id, hash(neighbour_ids) as neighbours_hash from {{ ref('ltm_nearest') }}
),

communities as (
    select memory_id, hash(area_id, cluster_id, network_centrality, clustering_coefficient) as community_hash
    from {{ ref('ltm_communities') }}
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
        meanings.created_at,
        meanings.fingerprint as meaning_fingerprint,
        reviews.fingerprint as review_fingerprint,
        nearest.neighbours_hash,
        communities.community_hash,
        accesses.access_count,
        accesses.last_accessed_at,
        accesses.presentation_count,
        accesses.presentation_strength,
        accesses.reminding_count,
        accesses.last_presented_at,
        accesses.pinned,
        cast(encodings.encoding as double) as encoding,
        coalesce(associations.association_sum, 0.0) as association_sum,
        associations.association_night,
        case
            when reviews.stability_days >= {{ var('stability_half_days') }} then 'semantic'
            when meanings.is_procedural then 'procedural'
            else 'episodic'
        end as knowledge_type,
        revisions.superseded_by,
        revisions.valid_until
    from meanings
    inner join {{ ref('ltm_reviews') }} as reviews using (item_id)
    inner join {{ ref('ltm_accesses') }} as accesses using (item_id)
    inner join {{ ref('con_encoding') }} as encodings using (item_id)
    left join {{ ref('con_associations') }} as associations using (item_id)
    left join nearest using (memory_id)
    left join communities using (memory_id)
    left join revisions using (memory_id)
)

select * from final
