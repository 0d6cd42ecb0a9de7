-- One row per memory: the stored state from which its strength and fate at any instant follow. The chunks of a document
-- share its events, and so its stability; gist, concepts and vector are their own.
with memories as (
    select * from {{ ref('stg_memories') }}
),

attended as (
    select item_id, cast(count(*) as integer) as access_count, max(occurred_at) as last_accessed_at
    from {{ ref('attention_events') }}
    group by item_id
),

rehearsed as (
    select memories.item_id, cast(count(*) as integer) as rehearsal_count, max(events.occurred_at) as last_rehearsed_at
    from {{ ref('stg_events') }} as events
    inner join memories using (memory_id)
    where events.kind = 'rehearsed'
    group by memories.item_id
),

pins as (
    select memories.item_id, arg_max(events.kind, events.occurred_at) = 'pinned' as pinned
    from {{ ref('stg_events') }} as events
    inner join memories using (memory_id)
    where events.kind in ('pinned', 'unpinned')
    group by memories.item_id
),

concepts as (
    select memory_id, list(concept order by place) as concepts from {{ ref('ltm_concepts') }}
    group by memory_id
),

revisions as (
    select
        earlier_id as memory_id,
        arg_min(later_id, revised_at) as superseded_by,
        min(revised_at) as valid_until
    from {{ ref('ins_revisions') }}
    group by earlier_id
),

sources as (
    select later_id as memory_id, list(earlier_id order by cosine_similarity desc, earlier_id) as semantic_associations
    from {{ ref('ltm_semantic_edges') }}
    group by later_id
),

kinds as (
    select
        memory_id,
        case
            when task_type in ('task', 'action') and len(list_filter(entities, lambda e: e.kind in ('code', 'file'))) > 0
                then 'procedural'
            else 'episodic'
        end as knowledge_type,
        task_type
    from {{ ref('stg_annotations') }}
),

final as (
    select
        memories.memory_id,
        memories.agent,
        memories.created_at,
        reviews.stability_days,
        reviews.difficulty,
        reviews.last_reviewed_at,
        reviews.review_count,
        reviews.lapse_count,
        attended.access_count,
        attended.last_accessed_at,
        attended.access_count + coalesce(rehearsed.rehearsal_count, 0) as presentation_count,
        greatest(attended.last_accessed_at, rehearsed.last_rehearsed_at) as last_presented_at,
        cast(encodings.encoding as double) as encoding,
        coalesce(associations.association_sum, 0.0) as association_sum,
        associations.association_night,
        coalesce(pins.pinned, false) as pinned,
        gists.gist as semantic_gist,
        coalesce(concepts.concepts, []) as concepts,
        case
            when reviews.stability_days >= {{ var('stability_half_days') }} then 'semantic'
            else coalesce(kinds.knowledge_type, 'episodic')
        end as knowledge_type,
        1 + cast(coalesce(kinds.task_type = 'goal', false) as integer)
        + cast(coalesce(communities.network_centrality >= 2, false) as integer) as abstraction_level,
        coalesce(sources.semantic_associations, []) as semantic_associations,
        communities.network_centrality,
        communities.clustering_coefficient,
        communities.area_id,
        communities.cluster_id,
        revisions.superseded_by,
        revisions.valid_until,
        [memories.item_id] || coalesce(sources.semantic_associations, []) as provenance,
        case
            when reviews.review_count > 1 then 'recall'
            when rehearsed.rehearsal_count > 0 then 'replay'
            when associations.association_sum > 0 then 'association'
            else 'encoding'
        end as consolidation_source
    from memories
    inner join {{ ref('ltm_reviews') }} as reviews using (item_id)
    inner join attended using (item_id)
    inner join {{ ref('con_encoding') }} as encodings using (item_id)
    inner join {{ ref('ltm_gists') }} as gists using (memory_id)
    left join {{ ref('con_associations') }} as associations using (item_id)
    left join rehearsed using (item_id)
    left join pins using (item_id)
    left join concepts using (memory_id)
    left join sources using (memory_id)
    left join revisions using (memory_id)
    left join kinds using (memory_id)
    left join {{ ref('ltm_communities') }} as communities using (memory_id)
)

select * from final
