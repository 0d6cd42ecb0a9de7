"""Stores, finds, forgets and pins single memories in Postgres."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import LiteralString, NamedTuple
from uuid import UUID, uuid4, uuid5

import psycopg
from psycopg.types.json import Jsonb

from memories.documents.chunk import LIMIT_BYTES, chunk
from memories.documents.memoir import document_rows, memoirs
from memories.documents.storable import check_metadata, check_text
from memories.errors import InputError, NotFound, StoreError
from memories.instant import in_utc
from memories.postgres.database import Connection
from memories.records import Document, identity

NAMED_CANDIDATES = 3
SHORTEST_PREFIX = 6
HEXADECIMAL = frozenset("0123456789abcdef")
UUID_DIGITS = 32
# How often to try when another writer is faster with the same content.
ATTEMPTS = 20
BUSY = "other writers keep changing the same content: store it again"

# Codex's upsert in one statement. Returns no row when another writer was faster, or when the id is taken.
# Storing again adds to what is known: tags and metadata are merged, and empty values overwrite nothing.
STORE = """
with known as (
    update public.memories set
        context = coalesce(nullif(%(context)s, ''), context), summary = coalesce(nullif(%(summary)s, ''), summary),
        tags = dreams.united(coalesce(tags, '{}') || %(tags)s::text []), updated_at = clock_timestamp(),
        metadata = case when %(given)s = '{}' then metadata else %(given)s || coalesce(metadata, '{}') end
    where content_hash = %(content_hash)s
    returning id
),
tagged as (
    update dreams.occurrences set tags = dreams.united(tags || %(tags)s::text [])
    where document_id in (select id from known)
),
made as (
    insert into public.memories
        (id, content, content_hash, context, summary, tags, metadata, created_at, updated_at)
    select
        %(id)s, %(content)s, %(content_hash)s, %(context)s, %(summary)s, %(tags)s, %(metadata)s,
        coalesce(%(created_at)s, clock_timestamp()), coalesce(%(updated_at)s, %(created_at)s, clock_timestamp())
    where not exists (select from known)
    on conflict do nothing
    returning id
)
select id, false from known union all select id, true from made
"""

INSERT = """
insert into public.memories (
    id, content, content_hash, context, summary, tags, metadata, chunk_index, total_chunks, parent_id, created_at,
    updated_at
) values (
    %(id)s, %(content)s, %(content_hash)s, %(context)s, %(summary)s, %(tags)s, %(metadata)s, %(chunk_index)s,
    %(total_chunks)s, %(parent_id)s, coalesce(%(created_at)s, now()), coalesce(%(updated_at)s, %(created_at)s, now())
)
"""
INSERT_UNLESS_THERE = INSERT + "on conflict do nothing"

# All writers lock the rows of a document in the same order, so that they cannot deadlock.
REACTIVATE = """
with held as (select id from public.memories where id = any(%(ids)s) order by id for update)
update public.memories as m set
    context = coalesce(nullif(%(context)s, ''), m.context), summary = coalesce(nullif(%(summary)s, ''), m.summary),
    tags = dreams.united(coalesce(m.tags, '{}') || %(tags)s::text []), updated_at = clock_timestamp(),
    metadata = case when %(given)s = '{}' then m.metadata else %(given)s || coalesce(m.metadata, '{}') end
from held where m.id = held.id
"""

FORGET = """
with held as (select id from public.memories where id = any(%s) order by id for update)
delete from public.memories as m using held where m.id = held.id
"""

# The first chunks under which a document may already be stored.
SAME_BEGINNING = """
select id from public.memories where content_hash = %s and chunk_index = 1
union
select id from public.memories where id = %s and chunk_index = 1
"""


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """A row to write to public.memories: a whole document, or one chunk of it."""

    id: UUID
    document_id: UUID
    content: str
    content_hash: str
    context: str
    summary: str
    tags: Sequence[str]
    metadata: dict[str, object]
    chunk_index: int | None
    total_chunks: int | None
    parent_id: UUID | None
    created_at: datetime | None
    updated_at: datetime | None

    def values(self) -> dict[str, object]:
        """The parameters of the statements that write a row."""
        return {
            "id": self.id, "content": self.content, "content_hash": self.content_hash, "context": self.context,
            "summary": self.summary, "tags": list(self.tags), "metadata": Jsonb(self.metadata),
            "chunk_index": self.chunk_index, "total_chunks": self.total_chunks, "parent_id": self.parent_id,
            "created_at": self.created_at, "updated_at": self.updated_at,
        }  # fmt: skip


class Stored(NamedTuple):
    """The id of a stored memory, and whether it is new."""

    id: UUID
    is_new: bool


def rows_of(document: Document, taken: frozenset[str] = frozenset()) -> Sequence[MemoryRow]:
    """The rows a document is stored as. The first has the document's id; chunks carry their byte range."""
    chunks = chunk(document.content, taken)
    whole = len(chunks) == 1
    metadata = {**document.metadata, "source": document.source}
    return [
        MemoryRow(
            id=_row_id(document, number),
            document_id=document.id,
            content=part.text,
            content_hash=content_hash(part.text),
            context=document.context,
            summary=document.summary,
            tags=list(document.tags),
            metadata=metadata if whole else {**metadata, **part.place()},
            chunk_index=None if whole else number,
            total_chunks=None if whole else len(chunks),
            parent_id=None if whole else document.id,
            created_at=document.created_at and in_utc(document.created_at),
            updated_at=document.updated_at and in_utc(document.updated_at),
        )
        for number, part in enumerate(chunks, 1)
    ]


def _row_id(document: Document, number: int) -> UUID:
    if number == 1:
        return document.id
    if number <= len(document.chunk_ids):
        return document.chunk_ids[number - 1]
    by_number = identity(document.source, f"{document.native_id}#{number}")
    return by_number if by_number not in document.chunk_ids else uuid5(by_number, "again")


def content_hash(content: str) -> str:
    return sha256(content.encode()).hexdigest()


def store(connection: Connection, document: Document) -> UUID:
    """Stores one memory as `put` does, and returns its id."""
    return put(connection, document).id


def put(connection: Connection, document: Document) -> Stored:
    """Stores one memory; the same content again is a re-activation, as in Codex.

    Never replaces other content: if the document's id has other content by now, this one gets a new id.

    Raises InputError when the content is empty or Postgres cannot keep a part, and StoreError when other writers keep
    changing the same content.
    """
    if not document.content.strip():
        raise InputError("there is nothing to store: give some content")
    check_text(document.content, document.context, document.summary, *document.tags)
    check_metadata(document.metadata)
    if len(document.content.encode()) <= LIMIT_BYTES:
        return _store_whole(connection, document)
    return _store_chunks(connection, document)


def find(connection: Connection, reference: str | UUID) -> UUID:
    """Finds the memory that an id, or at least its first six characters, names: its own id or one of its documents'.

    Raises NotFound when there is none, and InputError when the reference is not an id or matches several memories.
    """
    digits = str(reference).strip().lower().replace("-", "")
    if not SHORTEST_PREFIX <= len(digits) <= UUID_DIGITS or not HEXADECIMAL.issuperset(digits):
        raise InputError(f"{reference!r} is not an id: give the memory's id, or at least its first six characters")
    found = connection.execute(
        "select distinct memory_id from dreams.memory_names where id between %s and %s order by 1 limit %s",
        (UUID(digits.ljust(UUID_DIGITS, "0")), UUID(digits.ljust(UUID_DIGITS, "f")), NAMED_CANDIDATES + 1),
    ).fetchall()
    if not found:
        raise NotFound(f"{str(reference)!r} names no memory: search for it, or give the id that a search shows")
    if len(found) > 1:
        named = [str(memory_id) for (memory_id,) in found[:NAMED_CANDIDATES]]
        more = "" if len(found) == len(named) else " and others"
        raise InputError(f"{str(reference)!r} begins several ids ({', '.join(named)}{more}): give more of it")
    return UUID(str(found[0][0]))


def forget(connection: Connection, memory_id: UUID) -> int:
    """Deletes a memory, all chunks of its document, and every copy; returns the number of rows deleted."""
    rows = list(document_rows(connection, memory_id))
    return connection.execute(FORGET, (rows,)).rowcount


def pin(connection: Connection, memory_id: UUID, *, pinned: bool = True) -> None:
    """Keeps a memory from fading, or lets it fade again. Recorded as an event, so that the past stays as it was."""
    connection.execute(
        "insert into dreams.recall_events (memory_id, kind, occurred_at) values (%s, %s, clock_timestamp())",
        (memory_id, "pinned" if pinned else "unpinned"),
    )


def _store_whole(connection: Connection, document: Document) -> Stored:
    for _ in range(ATTEMPTS):
        (row,) = rows_of(document)
        values = {**row.values(), "given": Jsonb(dict(document.metadata))}
        found = connection.execute(STORE, values, prepare=True).fetchone()
        if found is not None:
            return Stored(UUID(str(found[0])), bool(found[1]))
        # Another writer was faster with this content, which the next try sees; or the id has other content.
        if _is_there(connection, "id = %s and content_hash <> %s", (row.id, row.content_hash)):
            document = _of_its_own(document)
    raise StoreError(BUSY)


def _store_chunks(connection: Connection, document: Document) -> Stored:
    """Splits a document so that it shares no chunk with another: contents are unique in the store."""
    taken: frozenset[str] = frozenset()
    attempts = 0
    while attempts < ATTEMPTS:
        rows = rows_of(document, taken)
        if (stored := _store_rows(connection, document, rows)) is not None:
            return stored
        found = connection.execute(
            "select content from public.memories where content_hash = any(%s)", ([row.content_hash for row in rows],)
        )
        others = {str(content) for (content,) in found}
        # Counts only tries that found no newly taken chunk: finding one is progress.
        attempts += others <= taken
        taken |= others
        if _is_there(connection, "id = any(%s)", ([row.id for row in rows],)):
            document = _of_its_own(document)
    raise StoreError(BUSY)


def _store_rows(connection: Connection, document: Document, rows: Sequence[MemoryRow]) -> Stored | None:
    """Stores or re-activates a long document; None when another has a chunk's content or id, or it was just deleted."""
    with connection.transaction() as transaction:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (content_hash(document.content),))
        known = _stored_rows(connection, document, rows[0])
        if known:
            given = {"context": document.context, "summary": document.summary, "tags": list(document.tags)}
            values = {**given, "given": Jsonb(dict(document.metadata)), "ids": known}
            is_there = connection.execute(REACTIVATE, values).rowcount > 0
            return Stored(known[0], is_new=False) if is_there else None
        cursor = connection.cursor()
        cursor.executemany(INSERT_UNLESS_THERE, [row.values() for row in rows])
        if cursor.rowcount == len(rows):
            return Stored(rows[0].id, is_new=True)
        raise psycopg.Rollback(transaction)
    return None


def _stored_rows(connection: Connection, document: Document, first: MemoryRow) -> list[UUID]:
    """The row ids of a stored document with exactly this content; empty when there is none."""
    found = connection.execute(SAME_BEGINNING, (first.content_hash, first.id)).fetchall()
    candidates = memoirs(connection, [UUID(str(memory_id)) for (memory_id,) in found])
    for memory_id, candidate in candidates.items():
        if candidate.content == document.content:
            return list(document_rows(connection, memory_id))
    return []


def _of_its_own(document: Document) -> Document:
    return replace(document, native_id=f"{document.native_id}\x1f{uuid4()}")


def _is_there(connection: Connection, condition: LiteralString, values: Sequence[object]) -> bool:
    found = connection.execute(f"select from public.memories where {condition} limit 1", values)
    return found.fetchone() is not None
