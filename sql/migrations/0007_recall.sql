-- Prepares search: records in which transaction the text of each memory changed, for the lexical index to follow, and
-- indexes the vectors.
create table if not exists dreams.content_changes (
    memory_id uuid primary key,
    changed_in xid8 not null
);
create index if not exists content_changes_changed_idx on dreams.content_changes (changed_in);
comment on table dreams.content_changes is
'The last transaction that changed what a search by words finds of a memory; one row per memory, deleted ones included.';
comment on column dreams.content_changes.memory_id is 'The memory; it was deleted if public.memories no longer has it.';
comment on column dreams.content_changes.changed_in is
'The transaction that last inserted it, changed its content, context, summary, tags, metadata or date, or deleted it.';

create or replace function dreams.on_memories_changed() returns trigger language plpgsql as $$
begin
    insert into dreams.content_changes (memory_id, changed_in)
    select id, pg_current_xact_id() from changed
    on conflict (memory_id) do update set changed_in = excluded.changed_in;
    return null;
end
$$;

create or replace function dreams.on_words_updated() returns trigger language plpgsql as $$
begin
    insert into dreams.content_changes (memory_id, changed_in)
    select distinct id, pg_current_xact_id() from unnest(array[old.id, new.id]) as id
    on conflict (memory_id) do update set changed_in = excluded.changed_in
    where content_changes.changed_in <> excluded.changed_in;
    return null;
end
$$;

create or replace function dreams.before_memories_truncated() returns trigger language plpgsql as $$
begin
    perform dreams.mark_all_changed();
    return null;
end
$$;

create or replace function dreams.mark_all_changed() returns void language sql as $$
    insert into dreams.content_changes (memory_id, changed_in)
    select id, pg_current_xact_id() from public.memories
    on conflict (memory_id) do update set changed_in = excluded.changed_in
$$;

create or replace function dreams.mend_content_changes() returns void language plpgsql as $$
begin
    if not exists (
        select 1 from public.memories
        where not exists (select 1 from dreams.content_changes where memory_id = memories.id)
    ) and not exists (
        select 1 from dreams.content_changes
        where changed_in >= pg_snapshot_xmax(pg_current_snapshot()) and changed_in <> pg_current_xact_id()
    ) then
        return;
    end if;
    -- Writers hold locks on memories when they get here; without this lock, they and this function could deadlock.
    lock table dreams.content_changes in share row exclusive mode;
    insert into dreams.content_changes (memory_id, changed_in)
    select id, pg_current_xact_id() from public.memories
    where not exists (select 1 from dreams.content_changes where memory_id = memories.id);
    update dreams.content_changes set changed_in = pg_current_xact_id()
    where changed_in >= pg_snapshot_xmax(pg_current_snapshot()) and changed_in <> pg_current_xact_id();
end
$$;

create or replace trigger memory_words_inserted after insert on public.memories
referencing new table as changed for each statement execute function dreams.on_memories_changed();

create or replace trigger memory_words_deleted after delete on public.memories
referencing old table as changed for each statement execute function dreams.on_memories_changed();

create or replace trigger memory_words_updated
after update of id, content, context, summary, tags, metadata, created_at on public.memories
for each row when (
    (old.id, old.content, old.context, old.summary, old.tags, old.metadata, old.created_at)
    is distinct from (new.id, new.content, new.context, new.summary, new.tags, new.metadata, new.created_at)
) execute function dreams.on_words_updated();

create or replace trigger memories_truncated before truncate on public.memories
for each statement execute function dreams.before_memories_truncated();

comment on function dreams.on_memories_changed is 'Notes which memories were inserted or deleted, for the lexical index.';
comment on function dreams.on_words_updated is 'Notes that the words of a memory changed, for the lexical index.';
comment on function dreams.before_memories_truncated is 'Notes that all memories are deleted, for the lexical index.';
comment on function dreams.mark_all_changed is 'Notes every memory as changed, for use after triggers were off, as in a restore.';
comment on function dreams.mend_content_changes is
'Notes memories that were never noted, and again those whose transaction number comes from another server, as in a restored dump.';

-- Notes the memories that exist already.
select dreams.mend_content_changes();

-- The HNSW graph builds several times faster if it fits in memory.
set local maintenance_work_mem = '512MB';
create index if not exists memories_embedding_idx on public.memories
using hnsw ((embedding_vector::halfvec(768)) halfvec_cosine_ops) where embedding_vector is not null;
