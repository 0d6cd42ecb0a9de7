-- Stores one memory per text, however many documents contain it, and keeps the other fields of each document.
create table if not exists dreams.occurrences (
    document_id uuid primary key,
    memory_id uuid not null,
    source text,
    native_id text,
    context text not null,
    summary text not null,
    tags text[] not null,
    metadata jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    source_hash bytea
);
create index if not exists occurrences_memory_idx on dreams.occurrences (memory_id);

comment on table dreams.occurrences is
'The documents that say the same text, one row each, if there are several. Their memory has the tags of all of them and the earliest date.';
comment on column dreams.occurrences.document_id is 'The id of the document, made from its source and native id; find, pin and forget accept it.';
comment on column dreams.occurrences.memory_id is 'The row of public.memories that holds the text.';
comment on column dreams.occurrences.native_id is 'Its name within the source; null when the loader did not know it.';
comment on column dreams.occurrences.source is 'The source it was read from.';
comment on column dreams.occurrences.context is 'Where or why it was noted, as this document says.';
comment on column dreams.occurrences.summary is 'A short gist, as this document gives it.';
comment on column dreams.occurrences.tags is 'The tags that this document gives.';
comment on column dreams.occurrences.metadata is 'The metadata that this document gives.';
comment on column dreams.occurrences.created_at is 'When this document was made.';
comment on column dreams.occurrences.updated_at is 'When this document was changed last.';
comment on column dreams.occurrences.source_hash is 'The same as public.memories.source_hash, for this document.';

alter table public.memories add column if not exists source_hash bytea;
comment on column public.memories.source_hash is
'Hash of what its source last said; the loader leaves the memory alone until the source says something else.';

alter table dreams.recall_events add column if not exists document_id uuid;
create index if not exists recall_events_document_idx on dreams.recall_events (document_id)
where document_id is not null;
comment on column dreams.recall_events.document_id is
'The document it happened to, if that shares the memory of another document.';

create or replace view dreams.memory_names as
select
    id,
    id as memory_id
from public.memories
union all
select
    document_id as id,
    memory_id
from dreams.occurrences
where document_id <> memory_id;
comment on column dreams.memory_names.id is 'An id of a memory, or of a document that says it.';
comment on column dreams.memory_names.memory_id is 'The row of public.memories.';
comment on view dreams.memory_names is 'Every id by which a memory is found: its own, and those of the other documents that say the same.';

create or replace function dreams.united(texts text[]) returns text[]
language sql immutable parallel safe as $$
    select coalesce(array_agg(t.text order by t.place), '{}')
    from (select text, min(place) as place from unnest(texts) with ordinality as u (text, place) group by text) as t
$$;
comment on function dreams.united is 'The texts without repetitions, in the order in which they first appear.';

create or replace function dreams.shared(given uuid) returns table (tags text[], created_at timestamptz)
language sql stable parallel safe as $$
    select
        dreams.united(
            array_agg(u.tag order by o.document_id <> o.memory_id, o.created_at, o.document_id, u.place)
            filter (where u.tag is not null)
        ),
        min(o.created_at)
    from dreams.occurrences as o left join unnest(o.tags) with ordinality as u (tag, place) on true
    where o.memory_id = given
    having count(*) > 0
$$;
comment on function dreams.shared is
'The tags of all documents that say a memory, those of its own document first, and the earliest of their dates. No row if there is only one document.';

-- Forgetting a memory forgets the records of all its documents; loading one of them again does not restore it.
create or replace function dreams.on_shared_memory_deleted() returns trigger language plpgsql as $$
declare
    others uuid[];
begin
    with ended as (
        delete from dreams.occurrences using deleted where occurrences.memory_id = deleted.id
        returning occurrences.document_id
    )
    select array_agg(document_id) into others from ended
    where not exists (select from deleted where deleted.id = ended.document_id);
    if others is not null then
        perform dreams.forget_versions(others, '{}');
        insert into dreams.tombstones (content_hash, memory_id)
        select id::text, id from unnest(others) as id
        on conflict (content_hash) do update set forgotten_at = excluded.forgotten_at;
    end if;
    return null;
end
$$;
comment on function dreams.on_shared_memory_deleted is 'Forgets the other documents that said what a deleted memory says.';
comment on column dreams.tombstones.content_hash is
'Hash of the forgotten text; for a document that shared its memory with another, the document''s id.';

create or replace trigger memory_shared_deleted after delete on public.memories
referencing old table as deleted for each statement
when (current_setting('dreams.shrinking_document', true) is distinct from 'on')
execute function dreams.on_shared_memory_deleted();

-- The loader moves the events of a document when its text moves to another memory, or when its date is corrected.
create or replace trigger events_kept before update or delete on dreams.recall_events
for each row when (current_setting('dreams.moving_events', true) is distinct from 'on')
execute function dreams.keep_events();

-- Splitting a document at other places, because another document equals one of its chunks, is not an edit.
create or replace trigger memory_updated after update on public.memories
for each row when (
    (old.updated_at is distinct from new.updated_at or old.content is distinct from new.content)
    and current_setting('dreams.cutting_again', true) is distinct from 'on'
)
execute function dreams.on_memory_updated();

-- The planner's statistics quote values of a table long after their deletion.
do $$
declare
    name text;
begin
    foreach name in array '{native_id,context,summary,tags,metadata}'::text[] loop
        execute format('alter table dreams.occurrences alter column %I set statistics 0', name);
    end loop;
end
$$;
