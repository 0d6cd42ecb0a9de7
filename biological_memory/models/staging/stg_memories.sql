-- One row per memory known at as_of, in the version that held then. The chunks of a document share an item_id: that of
-- the first chunk known, for the parent_id that Codex gives them is no memory's, and a first chunk can be deleted.
-- What carries one of the excluded_tags is not dreamt of.
with memories as (
    select * from {{ source('store', 'memories') }}
),

past as (
    select * from {{ ref('stg_past') }}
),

created as (
    select memory_id, min(occurred_at) as created_at
    from {{ ref('stg_events') }}
    where kind = 'created'
    group by memory_id
),

versioned as (
    select
        memories.id as memory_id,
        first_value(memories.id) over document as item_id,
        cast(row_number() over document as integer) as chunk_index,
        coalesce(past.content, memories.content) as content,
        coalesce(past.content_hash, memories.content_hash) as content_hash,
        coalesce(past.context, memories.context) as context,
        coalesce(past.summary, memories.summary) as summary,
        coalesce(past.tags, memories.tags, []) as tags,
        coalesce(past.metadata, cast(memories.metadata as json)) as metadata,
        created.created_at
    from memories
    inner join created on memories.id = created.memory_id
    left join past on memories.id = past.memory_id
    window document as (
        partition by coalesce(memories.parent_id, memories.id) order by coalesce(memories.chunk_index, 1), memories.id
    )
),

headed as (
    select *, {{ first_line("content") }} as first_line from versioned
    where not list_has_any(tags, {{ texts(var("excluded_tags")) }})
),

final as (
    select
        memory_id,
        item_id,
        chunk_index,
        content,
        content_hash,
        context,
        summary,
        tags,
        coalesce(metadata ->> 'agent', 'default') as agent,
        if(
            chunk_index = 1,
            coalesce(nullif(trim(metadata ->> 'title'), ''), if({{ is_title("first_line") }}, first_line, null)),
            null
        ) as title,
        metadata ->> 'project' as project,
        metadata ->> 'file' as file,
        metadata ->> 'channel' as channel,
        metadata ->> 'place' as place,
        coalesce(try_cast(metadata -> 'people' as varchar[]), []) as people,
        created_at
    from headed
)

select * from final
