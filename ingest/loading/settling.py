"""Writes the staged documents to the store, with one row per text, shared by all documents that say it.

Edits may swap, merge and split texts: the rows that lose a text make room first, then all texts are written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ingest.loading.placing import place
from memories.postgres.database import Connection

# Keeps the rows and the shared texts that a document leaves behind as earlier versions.
VERSIONS = """
with left_behind as (
    select m.id, m.content, m.content_hash, m.context, m.summary, m.tags, m.metadata, s.updated_at
    from retired_memories as r
    inner join public.memories as m on m.id = r.id
    inner join staged_memories as s on s.id = r.document_id
    union all
    select s.id, m.content, m.content_hash, o.context, o.summary, o.tags, o.metadata, s.updated_at
    from staged_memories as s
    inner join dreams.occurrences as o on o.document_id = s.id and o.memory_id <> s.id
    inner join public.memories as m on m.id = o.memory_id
    where m.content_hash <> s.content_hash
)
insert into dreams.memory_versions
    (memory_id, version, content, content_hash, context, summary, tags, metadata, valid_until)
select
    l.id, 1 + (select coalesce(max(v.version), 0) from dreams.memory_versions as v where v.memory_id = l.id), l.content,
    l.content_hash, l.context, l.summary, l.tags, l.metadata, coalesce(l.updated_at, clock_timestamp())
from left_behind as l
"""

# Moves the events of a document, and of its retired rows, to the row that holds its text now, and corrects the date of
# its creation.
FOLLOW = (
    """
    update dreams.recall_events as e set memory_id = s.memory_id, document_id = nullif(s.id, s.memory_id)
    from staged_memories as s where e.document_id = s.id and e.memory_id <> s.memory_id
    """,
    """
    update dreams.recall_events as e set memory_id = s.memory_id, document_id = nullif(s.id, s.memory_id)
    from retired_memories as r inner join staged_memories as s on s.id = r.document_id
    where e.memory_id = r.id and e.document_id is null
    """,
    """
    update dreams.recall_events as e set occurred_at = s.created_at
    from staged_memories as s
    where
        e.memory_id = s.memory_id and e.document_id is not distinct from nullif(s.id, s.memory_id)
        and e.kind in ('created', 'upserted') and e.occurred_at = s.was_created_at
        and s.created_at <> s.was_created_at
    """,
)

RETIRE = "delete from public.memories as m using retired_memories as r where r.id = m.id"

# Sets the memory with which each version is forgotten: versions of the documents that share it, and of its lost chunks.
BELONG = (
    """
    update dreams.memory_versions as v set document_id = nullif(s.memory_id, v.memory_id)
    from retired_memories as r inner join staged_memories as s on s.id = r.document_id
    where v.memory_id = r.id
    """,
    """
    update dreams.memory_versions as v set document_id = nullif(s.memory_id, s.id)
    from staged_memories as s
    where v.memory_id = s.id and v.document_id is distinct from nullif(s.memory_id, s.id)
    """,
)

# A document that shares a memory and changes only its tags, context or date is not met again.
RETELL = """
update staged_memories as s set outcome = 'retold'
from dreams.occurrences as o inner join public.memories as m on m.id = o.memory_id
where
    o.document_id = s.id and o.memory_id <> s.id and m.content_hash = s.content_hash and s.outcome = 'edited'
    and s.chunk_index is null
"""

TOUCH = """
insert into touched_memories (id)
select o.memory_id from staged_memories as s inner join dreams.occurrences as o on o.document_id = s.id
union
select s.memory_id from staged_memories as s where s.memory_id <> s.id
"""
PART = "delete from dreams.occurrences as o using staged_memories as s where o.document_id = s.id"
# The document that the row is named after gets an occurrence too, while other documents share the text.
OWN = """
insert into dreams.occurrences (
    document_id, memory_id, source, context, summary, tags, metadata, created_at, updated_at
)
select
    m.id, m.id, m.metadata ->> 'source', m.context, m.summary, coalesce(m.tags, '{}'), coalesce(m.metadata, '{}'),
    coalesce(m.created_at, m.updated_at, clock_timestamp()), coalesce(m.updated_at, m.created_at, clock_timestamp())
from public.memories as m
where
    m.id in (select s.memory_id from staged_memories as s where s.memory_id <> s.id)
    and not exists (select from staged_memories as t where t.id = m.id)
on conflict (document_id) do nothing
"""
MEET = """
insert into dreams.occurrences (
    document_id, memory_id, source, native_id, context, summary, tags, metadata, created_at, updated_at, source_hash
)
select
    s.id, s.memory_id, s.source, s.native_id, s.context, s.summary, s.tags, s.metadata,
    coalesce(s.created_at, clock_timestamp()), coalesce(s.updated_at, s.created_at, clock_timestamp()),
    case when s.memory_id <> s.id then s.source_hash end
from staged_memories as s
where
    s.memory_id <> s.id
    or s.id in (select t.memory_id from staged_memories as t where t.memory_id <> t.id)
    or exists (select from dreams.occurrences as o where o.memory_id = s.id)
"""

SET_ASIDE = """
update public.memories as m set content_hash = 'edited ' || m.id
from staged_memories as s
where
    s.id = m.id and s.memory_id = s.id and s.content_hash <> m.content_hash
    and m.content_hash in (select w.content_hash from staged_memories as w where w.memory_id = w.id)
"""
SET_RIGHT = """
update dreams.memory_versions as v set content_hash = encode(sha256(convert_to(v.content, 'UTF8')), 'hex')
from staged_memories as s
where v.memory_id = s.id and v.content_hash = 'edited ' || v.memory_id
"""

EDIT = """
update public.memories as m set
    content = s.content, content_hash = s.content_hash, context = s.context, summary = s.summary,
    tags = coalesce(shared.tags, s.tags), metadata = s.metadata, chunk_index = s.chunk_index,
    total_chunks = s.total_chunks, parent_id = s.parent_id,
    created_at = coalesce(s.created_at, m.created_at), source_hash = s.source_hash,
    -- Metadata alone is no reason to remember: only a change of what a person wrote moves the date.
    updated_at = case
        when
            (m.content, m.context, m.summary, m.tags)
            is distinct from (s.content, s.context, s.summary, coalesce(shared.tags, s.tags))
            then greatest(coalesce(s.updated_at, clock_timestamp()), m.updated_at + interval '1 microsecond')
        else m.updated_at
    end
from staged_memories as s left join dreams.shared(s.id) as shared on true
where s.id = m.id and s.memory_id = s.id
"""

INSERT = """
insert into public.memories (
    id, content, content_hash, context, summary, tags, metadata, chunk_index, total_chunks, parent_id, created_at,
    updated_at, source_hash
)
select
    s.id, s.content, s.content_hash, s.context, s.summary, coalesce(shared.tags, s.tags), s.metadata, s.chunk_index,
    s.total_chunks, s.parent_id, coalesce(s.created_at, clock_timestamp()),
    coalesce(s.updated_at, s.created_at, clock_timestamp()), s.source_hash
from staged_memories as s left join dreams.shared(s.id) as shared on true
where s.memory_id = s.id and not exists (select from public.memories as m where m.id = s.id)
order by s.place
"""

UNITE = """
update public.memories as m set tags = shared.tags, created_at = shared.created_at
from touched_memories as t cross join lateral dreams.shared(t.id) as shared
where m.id = t.id and (m.tags, m.created_at) is distinct from (shared.tags, shared.created_at)
"""
# A memory that only its own document says needs no occurrence.
ALONE = """
delete from dreams.occurrences as o using touched_memories as t
where
    o.memory_id = t.id and o.document_id = t.id
    and not exists (select from dreams.occurrences as p where p.memory_id = t.id and p.document_id <> t.id)
"""

# Records an event, at the document's date, when another document says a text. (An export brings its own events.)
MEETINGS = """
with met as (
    select
        s.*,
        case when s.outcome = 'new' then coalesce(s.created_at, s.updated_at) else s.updated_at end as met_at
    from staged_memories as s
    where s.memory_id <> s.id and s.outcome in ('new', 'edited') and not s.is_exported
)
insert into dreams.recall_events (event_id, memory_id, document_id, kind, occurred_at, details)
select
    md5(concat(met.id, met.content_hash, met.met_at at time zone 'UTC'))::uuid, met.memory_id, met.id,
    case
        when exists (
            select from dreams.recall_events as e
            where e.memory_id = met.memory_id and e.kind = 'created'
                and e.occurred_at <= coalesce(met.met_at, clock_timestamp())
        ) then 'upserted'
        else 'created'
    end,
    coalesce(met.met_at, clock_timestamp()),
    jsonb_strip_nulls(jsonb_build_object(
        'source', met.source, 'native_id', met.native_id, 'given_context', nullif(met.context, ''),
        'given_tags', to_jsonb(nullif(met.tags, '{}'))
    ))
from met
on conflict (event_id) do nothing
"""
COUNTS = """
select
    count(*) filter (where outcome = 'new' and memory_id = id),
    count(*) filter (where outcome = 'new' and memory_id <> id),
    count(*) filter (where outcome in ('edited', 'retold'))
from staged_memories
"""


class Settled(NamedTuple):
    """Counts of the staged rows that were new, met again or edited."""

    new: int
    met_again: int
    edited: int


def settle(connection: Connection) -> Settled:
    """Writes the staged documents that are new or edited, and drops the others from the staging table."""
    connection.execute("delete from staged_memories where outcome not in ('new', 'edited')")
    place(connection)
    _make_room(connection)
    _share(connection)
    _write(connection)
    counted = connection.execute(COUNTS).fetchone()
    assert counted is not None  # noqa: S101 - a count is a row
    return Settled(*(int(str(count)) for count in counted))


def _make_room(connection: Connection) -> None:
    """Deletes rows that no longer hold a text; their events and versions move to the row that does."""
    connection.execute(VERSIONS)
    with _setting(connection, "dreams.moving_events"):
        for statement in FOLLOW:
            connection.execute(statement)
    with _setting(connection, "dreams.shrinking_document"):
        connection.execute(RETIRE)
    for statement in BELONG:
        connection.execute(statement)
    connection.execute(SET_ASIDE)


def _share(connection: Connection) -> None:
    for statement in (RETELL, TOUCH, PART, OWN, MEET):
        connection.execute(statement)


def _write(connection: Connection) -> None:
    for statement in (EDIT, SET_RIGHT, INSERT, UNITE, ALONE):
        connection.execute(statement)
    connection.execute(MEETINGS)


@contextmanager
def _setting(connection: Connection, name: str) -> Iterator[None]:
    """Turns on a setting that the store's triggers read, until the block ends or the transaction fails."""
    connection.execute("select set_config(%s, 'on', true)", (name,))
    yield
    connection.execute("select set_config(%s, 'off', true)", (name,))
