-- Creates append-only events, earlier versions and tombstones of memories, and the triggers that maintain them, also for
-- statements of Codex.
create schema if not exists dreams;
comment on schema dreams is 'What dream cycles computed from public.memories, and the events they computed it from.';

create table if not exists dreams.recall_events (
    event_id uuid primary key default gen_random_uuid(),
    memory_id uuid not null,
    kind text not null check (
        kind in (
            'created', 'upserted', 'edited', 'opened', 'cited', 'listed', 'reviewed', 'rehearsed', 'pinned', 'unpinned'
        )
    ),
    grade smallint check (grade between 1 and 4),
    query_id uuid,
    rank integer,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    details jsonb,
    check ((kind = 'reviewed') = (grade is not null))
);
create index if not exists recall_events_memory_idx on dreams.recall_events (memory_id, occurred_at);
create index if not exists recall_events_occurred_idx on dreams.recall_events (occurred_at);
create index if not exists recall_events_query_idx on dreams.recall_events (query_id) where query_id is not null;

comment on table dreams.recall_events is 'Everything that happened to memories. Append-only; a dream cycle is a fold over it.';
comment on column dreams.recall_events.kind is
'created, upserted (stored again), edited, opened or cited (recalled: grade 3), listed (shown in a result only), reviewed (with a grade), rehearsed (replayed at night), pinned, unpinned.';
comment on column dreams.recall_events.grade is 'Grade of a review: 1 again, 2 hard, 3 good, 4 easy; NULL for other events.';
comment on column dreams.recall_events.query_id is 'The search that found the memory; memories recalled from one search are co-activated.';
comment on column dreams.recall_events.rank is 'Its rank in that search, from 1.';
comment on column dreams.recall_events.occurred_at is 'When it happened.';
comment on column dreams.recall_events.recorded_at is 'When the store recorded it; a cycle as of a past instant uses events that both happened and were recorded by then.';
comment on column dreams.recall_events.details is 'For an upsert, the context, summary and tags that it replaced, or that its source gave; for a recall, the query; for a rehearsal, gain and need.';

create table if not exists dreams.memory_versions (
    memory_id uuid not null,
    version integer not null,
    content text not null,
    content_hash varchar(64) not null,
    context text not null,
    summary text not null,
    tags text[],
    metadata jsonb,
    valid_until timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (memory_id, version)
);
comment on table dreams.memory_versions is 'Earlier versions of edited memories, verbatim; one row per version.';
comment on column dreams.memory_versions.valid_until is 'When the next version replaced it.';

create table if not exists dreams.tombstones (
    content_hash varchar(64) primary key,
    memory_id uuid not null,
    forgotten_at timestamptz not null default clock_timestamp()
);
create index if not exists tombstones_memory_idx on dreams.tombstones (memory_id);
comment on table dreams.tombstones is
'Hashes of memories that a user deleted, so that reading a source again does not bring them back; storing one again on purpose removes its row.';

create or replace function dreams.on_memory_inserted() returns trigger language plpgsql as $$
begin
    insert into dreams.recall_events (memory_id, kind, occurred_at)
    select id, 'created', coalesce(created_at, now()) from inserted;
    delete from dreams.tombstones using inserted where tombstones.content_hash = inserted.content_hash;
    return null;
end
$$;

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
        jsonb_build_object('context', old.context, 'summary', old.summary, 'tags', to_jsonb(old.tags))
    );
    return null;
end
$$;

-- Changed content has no vector until it is embedded again.
create or replace function dreams.before_content_changed() returns trigger language plpgsql as $$
begin
    new.embedding_vector := null;
    new.embedding_reduced := null;
    new.vector_magnitude := null;
    new.embedding_model := null;
    new.last_embedding_update := null;
    return new;
end
$$;

-- The same for tags and their vector.
create or replace function dreams.before_tags_changed() returns trigger language plpgsql as $$
begin
    new.tag_embedding := null;
    new.tag_embedding_reduced := null;
    new.tag_embedding_updated := null;
    return new;
end
$$;

create or replace function dreams.on_memory_deleted() returns trigger language plpgsql as $$
begin
    delete from dreams.recall_events using deleted where recall_events.memory_id = deleted.id;
    delete from dreams.embedding_failures using deleted where embedding_failures.memory_id = deleted.id;
    delete from dreams.attention_slots using deleted where attention_slots.memory_id = deleted.id;
    update dreams.episodes set topics = '{}' from dreams.episode_members, deleted
    where episodes.episode_id = episode_members.episode_id and episode_members.memory_id = deleted.id;
    delete from dreams.cycle_changes using deleted
    where cycle_changes.before is not null and cycle_changes.memory_ids @> array[deleted.id];
    delete from dreams.episode_members using deleted where episode_members.memory_id = deleted.id;
    delete from dreams.memory_states using deleted where memory_states.memory_id = deleted.id;
    delete from dreams.edge_states using deleted where deleted.id in (edge_states.memory_a, edge_states.memory_b);
    delete from dreams.memory_insights using deleted where deleted.id = any(memory_insights.related_memories);
    delete from dreams.annotations using deleted
    where
        annotations.content_hash = deleted.content_hash
        and not exists (select 1 from public.memories where memories.content_hash = deleted.content_hash);
    -- The loader sets this when an edited document has fewer chunks than before, which is no request to forget them.
    if current_setting('dreams.shrinking_document', true) = 'on' then
        return null;
    end if;
    delete from dreams.memory_versions using deleted where memory_versions.memory_id = deleted.id;
    insert into dreams.tombstones (content_hash, memory_id)
    select content_hash, id from deleted
    on conflict (content_hash) do update set memory_id = excluded.memory_id, forgotten_at = excluded.forgotten_at;
    return null;
end
$$;

create or replace function dreams.keep_events() returns trigger language plpgsql as $$
begin
    -- At depth 2 the memory itself is being deleted, and its events with it.
    if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
        return old;
    end if;
    raise exception 'dreams.recall_events is append-only: delete the memory instead, and its events go with it';
end
$$;

create or replace trigger memory_inserted after insert on public.memories
referencing new table as inserted for each statement execute function dreams.on_memory_inserted();

create or replace trigger memory_updated after update on public.memories
for each row when (old.updated_at is distinct from new.updated_at or old.content is distinct from new.content)
execute function dreams.on_memory_updated();

create or replace trigger memory_content_changed before update of content on public.memories
for each row when (old.content is distinct from new.content) execute function dreams.before_content_changed();

create or replace trigger memory_tags_changed before update of tags on public.memories
for each row when (old.tags is distinct from new.tags) execute function dreams.before_tags_changed();

create or replace trigger memory_deleted after delete on public.memories
referencing old table as deleted for each statement execute function dreams.on_memory_deleted();

create or replace trigger events_kept before update or delete on dreams.recall_events
for each row execute function dreams.keep_events();

comment on function dreams.on_memory_inserted is 'Records that a memory was created, and removes its tombstone.';
comment on function dreams.on_memory_updated is 'Records an edit, with the version before it, or a re-activation.';
comment on function dreams.before_content_changed is 'Clears the vector when the content changes.';
comment on function dreams.before_tags_changed is 'Clears the vector of the tags when they change.';
comment on function dreams.on_memory_deleted is 'Deletes every copy of a memory, and leaves a tombstone.';
comment on function dreams.keep_events is 'Refuses to change or delete an event whose memory is still there.';

-- Memories that Codex stored earlier have no first event.
insert into dreams.recall_events (memory_id, kind, occurred_at)
select
    id,
    'created',
    coalesce(created_at, now())
from public.memories
where not exists (select 1 from dreams.recall_events where memory_id = memories.id);
