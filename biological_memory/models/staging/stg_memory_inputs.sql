-- One row per memory known at as_of: its agent, its place in its document, and fingerprints of its data and of the
-- vector, if any, of the content it shows. The chunks of a document share the item_id and the agent of the first chunk
-- known, because the parent_id that Codex gives them is not the id of a memory, and a first chunk can be deleted.
-- Leaves out memories with one of the excluded_tags, or a tag nested in one.
with memories as (
    select * from {{ stored_memory_hashes() }}
),

past as (
    select
        memory_id, content_hash, tags, hash(content, context, summary, tags, metadata) as past_hash,
        if(metadata is null, null, {{ agent_of("metadata") }}) as agent
    from {{ ref('stg_past') }}
),

created as (
    select memory_id, min(occurred_at) as created_at
    from {{ ref('stg_events') }}
    where kind = 'created'
    group by memory_id
),

placed as (
    select
        memories.memory_id,
        memories.stored_hash,
        past.past_hash,
        if(
            coalesce(past.content_hash = memories.edited_content_hash, past.content_hash is null),
            memories.vector_hash, null
        ) as vector_hash,
        first_value(memories.memory_id) over document as item_id,
        first_value(coalesce(past.agent, memories.agent)) over document as agent,
        cast(row_number() over document as integer) as chunk_index,
        if(past.tags is null, memories.is_excluded, coalesce({{ has_tag("past.tags", var("excluded_tags")) }}, false))
            as is_excluded,
        created.created_at
    from memories
    inner join created using (memory_id)
    left join past using (memory_id)
    window document as (
        partition by coalesce(memories.parent_id, memories.memory_id)
        order by coalesce(memories.chunk_index, 1), memories.memory_id
    )
),

final as (
    select
        memory_id, item_id, agent, chunk_index, created_at, vector_hash,
        hash(stored_hash, past_hash, item_id, agent, chunk_index, created_at) as fingerprint
    from placed
    where not is_excluded
)

select * from final
