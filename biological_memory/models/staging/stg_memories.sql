-- One row per memory known at as_of, in the version valid then.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('stg_memory_inputs'), 'memory_id') }}"
) }}
{% set most_asked_for = 5000 %}
{% set few = few_missing(ref('stg_memory_inputs'), 'memory_id', most_asked_for) %}

with memories as (
    select * from {{ source('store', 'memories') if few is none else stored_memories(few) }}
),

inputs as (
    select * from {{ ref('stg_memory_inputs') }}
    {{ where_missing('memory_id') }}
),

past as (
    select * from {{ ref('stg_past') }}
),

shown as (
    select
        inputs.*,
        coalesce(past.content, memories.content) as content,
        coalesce(past.content_hash, memories.content_hash) as content_hash,
        coalesce(past.context, memories.context) as context,
        coalesce(past.summary, memories.summary) as summary,
        coalesce(past.tags, memories.tags, []) as tags,
        coalesce(past.metadata, cast(memories.metadata as json)) as metadata,
        {{ first_line("coalesce(past.content, memories.content)") }} as first_line
    from inputs
    inner join memories on inputs.memory_id = memories.id
    left join past on inputs.memory_id = past.memory_id
),

final as (
    select
        memory_id,
        item_id,
        chunk_index,
        fingerprint,
        content,
        content_hash,
        context,
        summary,
        tags,
        agent,
        if(
            chunk_index = 1,
            coalesce(nullif(trim(metadata ->> 'title'), ''), if({{ is_title("first_line") }}, first_line, null)),
            null
        ) as title,
        metadata ->> 'project' as project,
        metadata ->> 'file' as file,
        metadata ->> 'channel' as channel,
        metadata ->> 'place' as place,
        metadata ->> 'commit' as commit_hash,
        coalesce(try_cast(metadata -> 'reverts' as varchar[]), []) as reverted_commits,
        list_sort(list_distinct(list_filter(
            list_concat(
                try_cast(metadata -> 'people' as varchar[]), {{ text_at("author") }}, {{ text_at("speaker") }}
            ),
            -- A robot that commits is no person.
            lambda person: trim(person) <> '' and not ends_with(person, '[bot]')
        ))) as people,
        created_at
    from shown
)

select * from final
