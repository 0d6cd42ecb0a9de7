-- One row per memory known at as_of, in the version that held then; chunks of a document share an item_id.
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
    where valid_until > {{ as_of() }}
    qualify row_number() over (partition by memory_id order by version) = 1
),

versioned as (
    select
        memories.id as memory_id,
        coalesce(memories.parent_id, memories.id) as item_id,
        coalesce(memories.chunk_index, 1) as chunk_index,
        coalesce(then_valid.content, memories.content) as content,
        coalesce(then_valid.content_hash, memories.content_hash) as content_hash,
        coalesce(then_valid.context, memories.context) as context,
        coalesce(then_valid.summary, memories.summary) as summary,
        coalesce(if(then_valid.memory_id is null, memories.tags, then_valid.tags), []) as tags,
        cast(if(then_valid.memory_id is null, memories.metadata, then_valid.metadata) as json) as metadata,
        created.created_at
    from memories
    inner join created on created.memory_id = memories.id
    left join then_valid on then_valid.memory_id = memories.id
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
        metadata ->> 'project' as project,
        metadata ->> 'file' as file,
        metadata ->> 'channel' as channel,
        metadata ->> 'place' as place,
        coalesce(try_cast(metadata -> 'people' as varchar[]), []) as people,
        created_at
    from versioned
)

select * from final
