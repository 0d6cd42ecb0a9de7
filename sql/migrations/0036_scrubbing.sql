-- Deletes the queries that found a memory along with it, and records that its bytes are still on disk.
create table if not exists dreams.unscrubbed (
    deletion_id bigint generated always as identity primary key,
    deleted_at timestamptz not null default clock_timestamp()
);
comment on table dreams.unscrubbed is
'Deletions whose old pages, planner statistics and write-ahead log `dreams db scrub` has not rewritten yet.';
comment on column dreams.unscrubbed.deletion_id is 'Identifies the deletion; it names no memory.';
comment on column dreams.unscrubbed.deleted_at is 'When it happened.';

insert into dreams.unscrubbed (deleted_at)
select max(forgotten_at) from dreams.tombstones having count(*) > 0 and not exists (select from dreams.unscrubbed);

-- A hash index holds no text, but statistics on its expression would.
create index if not exists recall_events_query_text_idx on dreams.recall_events
using hash ((details ->> 'query')) where details ? 'query';
alter index dreams.recall_events_query_text_idx alter column 1 set statistics 0;

create or replace function dreams.keep_events() returns trigger language plpgsql as $$
begin
    -- At depth 2 the memory itself is being deleted, and its events with it.
    if tg_op = 'DELETE' and (pg_trigger_depth() > 1 or not exists (select from public.memories where id = old.memory_id))
    then
        return old;
    end if;
    -- The query may be removed from an event; the event stays.
    if tg_op = 'UPDATE'
        and to_jsonb(new) - 'details' = to_jsonb(old) - 'details'
        and new.details is not distinct from old.details - 'query'
    then
        return new;
    end if;
    raise exception 'dreams.recall_events is append-only: delete the memory instead, and its events go with it';
end
$$;
comment on function dreams.keep_events is
'Refuses to change or delete an event whose memory is still there, except to remove the words of a search.';

create or replace function dreams.forget_queries(gone uuid[]) returns void language sql as $$
    with listing as (
        select query_id, details ->> 'query' as query from dreams.recall_events
        where memory_id = any(gone) and details ? 'query'
    ),
    asked as (
        select event_id from dreams.recall_events
        where query_id in (select query_id from listing)
        union
        select event_id from dreams.recall_events
        where details ? 'query' and details ->> 'query' in (select query from listing)
    )
    update dreams.recall_events as e set details = e.details - 'query'
    from asked
    where asked.event_id = e.event_id and e.details ? 'query' and e.memory_id <> all(gone)
$$;
comment on function dreams.forget_queries is
'Removes from all events the words of every search that listed one of these memories, whenever it was made.';

create or replace function dreams.on_memory_deleted() returns trigger language plpgsql as $$
declare
    gone uuid[] := array(select id from deleted);
    is_forgotten boolean := current_setting('dreams.shrinking_document', true) is distinct from 'on';
begin
    if gone = '{}' then
        return null;
    end if;
    perform dreams.hold_what_was_dreamt();
    if is_forgotten then
        perform dreams.forget_queries(gone);
    end if;
    perform dreams.forget_copies(gone, array(select distinct parent_id from deleted where parent_id is not null));
    -- An edited document has fewer chunks than before, which is no request to forget them.
    if not is_forgotten then
        update dreams.memory_versions as v set document_id = f.document_id
        from (
            select d.id as memory_id, (
                select m.id from public.memories as m where m.id = d.parent_id or m.parent_id = d.parent_id
                order by coalesce(m.chunk_index, 1), m.id limit 1
            ) as document_id
            from deleted as d
        ) as f
        where v.memory_id = f.memory_id;
        return null;
    end if;
    perform dreams.forget_versions(gone, array(select content_hash from deleted));
    insert into dreams.tombstones (content_hash, memory_id)
    select distinct on (content_hash) content_hash, id from deleted
    on conflict (content_hash) do update set memory_id = excluded.memory_id, forgotten_at = excluded.forgotten_at;
    insert into dreams.unscrubbed default values;
    return null;
end
$$;
