-- One row per memory changed after as_of: its state before the first of these changes; NULL where they changed nothing.
-- An edit stores the earlier version; the event of an upsert or an edit holds the other fields that it replaced.
with events as (
    select * from {{ source('dreams', 'recall_events') }}
),

versions as (
    select * from {{ source('dreams', 'memory_versions') }}
),

then_valid as (
    select * from versions
    where greatest(valid_until, recorded_at) > {{ as_of() }}
    qualify row_number() over (partition by memory_id order by version) = 1
),

then_given as (
    select memory_id, cast(details as json) as details
    from events
    where
        kind in ('upserted', 'edited')
        and greatest(occurred_at, recorded_at) > {{ as_of() }}
        and json_exists(cast(details as json), '$.context')
    qualify row_number() over (partition by memory_id order by recorded_at, occurred_at, event_id) = 1
),

final as (
    select
        memory_id,
        then_valid.content,
        then_valid.content_hash,
        coalesce(then_given.details ->> 'context', then_valid.context) as context,
        coalesce(then_given.details ->> 'summary', then_valid.summary) as summary,
        coalesce(
            if(then_given.details is null, then_valid.tags, cast(then_given.details -> 'tags' as varchar[])), []
        ) as tags,
        coalesce(
            then_given.details -> 'metadata',
            cast(then_valid.metadata as json),
            if(then_valid.content is null, null, cast('{}' as json))
        ) as metadata
    from then_valid
    full join then_given using (memory_id)
)

select * from final
