-- Removes what deletions before 0011 left behind: they did not reach every copy.

-- The next whole cycle removes these from the history of cycles and from the caches, like later deletions.
insert into dreams.forgotten (memory_id, forgotten_at)
select
    memory_id,
    max(forgotten_at)
from dreams.tombstones
where
    forgotten_at < (select applied_at from dreams.migrations where name = '0011_forgetting.sql')
    and not exists (select from public.memories where memories.id = tombstones.memory_id)
group by memory_id
on conflict do nothing;

-- Annotations of contents that no memory and no earlier version has any more.
delete from dreams.annotations as a
where
    not exists (select from public.memories as m where m.content_hash = a.content_hash)
    and not exists (select from dreams.memory_versions as v where v.content_hash = a.content_hash);
delete from dreams.annotation_quarantine as a
where
    not exists (select from public.memories as m where m.content_hash = a.content_hash)
    and not exists (select from dreams.memory_versions as v where v.content_hash = a.content_hash);

-- A chunk that its document lost must be deleted with that document, which was not recorded then. A chunk begins with
-- the last 200 bytes of the one before it, extended to whole characters: it belongs to the document whose text, present
-- or past, it continues.
with recursive texts as (
    select
        memory_id,
        convert_to(content, 'UTF8') as content,
        document_id is null and not exists (select from public.memories where id = memory_id) as is_lost
    from dreams.memory_versions
    union all
    select
        id,
        convert_to(content, 'UTF8'),
        false
    from public.memories
    where parent_id is not null
),

borders as (
    select
        memory_id,
        is_lost,
        bytes,
        substr(content, 1, bytes) as beginning,
        substr(content, length(content) - bytes + 1) as ending
    from texts
    -- Four rows for each text.
    cross join generate_series(200, 203) as shared (bytes)
    where length(content) > bytes
),

goes_on as (
    select distinct
        l.memory_id,
        b.memory_id as after_id
    from borders as l
    inner join borders as b on b.bytes = l.bytes and b.ending = l.beginning
    where l.is_lost and b.memory_id <> l.memory_id
),

part_of as (
    select
        g.memory_id,
        g.after_id
    from goes_on as g
    inner join public.memories as m on m.id = g.after_id
    union
    select
        g.memory_id,
        p.after_id
    from goes_on as g
    inner join part_of as p on p.memory_id = g.after_id
),

documents as (
    select distinct on (p.memory_id)
        p.memory_id,
        f.id as document_id
    from part_of as p
    inner join public.memories as m on m.id = p.after_id
    inner join public.memories as f on f.id = m.id or f.parent_id = m.parent_id
    order by p.memory_id asc, coalesce(f.chunk_index, 1) asc, f.id asc
)

update dreams.memory_versions as v set document_id = d.document_id
from documents as d
where d.memory_id = v.memory_id and v.document_id is null;
