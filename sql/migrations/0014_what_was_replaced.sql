-- Events also keep the metadata that an upsert or an edit replaced, so that a run as of an earlier day sees it.
create or replace function dreams.on_memory_updated() returns trigger language plpgsql as $$
begin
    if new.content is distinct from old.content then
        insert into dreams.memory_versions
            (memory_id, version, content, content_hash, context, summary, tags, metadata, valid_until)
        select
            old.id, coalesce(max(version), 0) + 1, old.content, old.content_hash, old.context, old.summary,
            old.tags, old.metadata, coalesce(new.updated_at, clock_timestamp())
        from dreams.memory_versions
        where memory_id = old.id;
    end if;
    insert into dreams.recall_events (memory_id, kind, occurred_at, details)
    values (
        new.id,
        case when new.content is distinct from old.content then 'edited' else 'upserted' end,
        case when new.updated_at is distinct from old.updated_at then coalesce(new.updated_at, clock_timestamp()) else clock_timestamp() end,
        jsonb_build_object(
            'context', old.context, 'summary', old.summary, 'tags', to_jsonb(old.tags), 'metadata', old.metadata
        )
    );
    return null;
end
$$;

comment on column dreams.recall_events.details is 'For an upsert or edit, the context, summary, tags and metadata that it replaced, or that its source gave; for a recall, the query; for a rehearsal, gain and need.';
