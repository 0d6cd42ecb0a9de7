-- One row per memory known at as_of, in the version that held then. The chunks of a document share an item_id: that of
-- the first chunk known, for the parent_id that Codex gives them is no memory's, and a first chunk can be deleted.
-- What carries one of the excluded_tags is not dreamt of.
with memories as (
    select * from {{ source('store', 'memories') }}
),

versions as (
    select * from {{ source('dreams', 'memory_versions') }}
),

events as (
    select * from {{ source('dreams', 'recall_events') }}
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

-- What a memory that was stored again, or edited, was given before, from the first time since.
then_given as (
    select memory_id, cast(details as json) as details
    from events
    where
        kind in ('upserted', 'edited')
        and greatest(occurred_at, recorded_at) > {{ as_of() }}
        and json_exists(cast(details as json), '$.context')
    qualify row_number() over (partition by memory_id order by recorded_at, occurred_at, event_id) = 1
),

versioned as (
    select
        memories.id as memory_id,
        first_value(memories.id) over document as item_id,
        cast(row_number() over document as integer) as chunk_index,
        coalesce(then_valid.content, memories.content) as content,
        coalesce(then_valid.content_hash, memories.content_hash) as content_hash,
        coalesce(then_given.details ->> 'context', then_valid.context, memories.context) as context,
        coalesce(then_given.details ->> 'summary', then_valid.summary, memories.summary) as summary,
        coalesce(
            case
                when then_given.memory_id is not null then cast(then_given.details -> 'tags' as varchar[])
                when then_valid.memory_id is not null then then_valid.tags
                else memories.tags
            end,
            []
        ) as tags,
        case
            when json_exists(then_given.details, '$.metadata') then then_given.details -> 'metadata'
            else cast(if(then_valid.memory_id is null, memories.metadata, then_valid.metadata) as json)
        end as metadata,
        created.created_at
    from memories
    inner join created on memories.id = created.memory_id
    left join then_valid on memories.id = then_valid.memory_id
    left join then_given on memories.id = then_given.memory_id
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
