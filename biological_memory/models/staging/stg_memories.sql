-- One row per memory known at as_of, in the version that held then. The chunks of a document share an item_id: that of
-- the first chunk known, for the parent_id that Codex gives them is no memory's, and a first chunk can be deleted.
-- What carries one of the excluded_tags is not dreamt of.
with memories as (
    select * from {{ source('store', 'memories') }}
),

versions as (
    select * from {{ source('dreams', 'memory_versions') }}
),

created as (
    select memory_id, min(occurred_at) as created_at
    from {{ ref('stg_events') }}
    where kind = 'created'
    group by memory_id
),

then_valid as (
    select * from versions
    where greatest(valid_until, recorded_at) > {{ as_of() }}
    qualify row_number() over (partition by memory_id order by version) = 1
),

versioned as (
    select
        memories.id as memory_id,
        first_value(memories.id) over document as item_id,
        cast(row_number() over document as integer) as chunk_index,
        coalesce(then_valid.content, memories.content) as content,
        coalesce(then_valid.content_hash, memories.content_hash) as content_hash,
        coalesce(then_valid.context, memories.context) as context,
        coalesce(then_valid.summary, memories.summary) as summary,
        coalesce(if(then_valid.memory_id is null, memories.tags, then_valid.tags), []) as tags,
        cast(if(then_valid.memory_id is null, memories.metadata, then_valid.metadata) as json) as metadata,
        created.created_at
    from memories
    inner join created on memories.id = created.memory_id
    left join then_valid on memories.id = then_valid.memory_id
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
