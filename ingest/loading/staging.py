"""Copies a batch of documents, cut into rows, and of events into temporary tables for the loader's statements."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from psycopg.types.json import Jsonb

from ingest.sources.reading.source import said_hash
from memories.documents.write import MemoryRow, rows_of
from memories.postgres.database import Connection
from memories.records import EXPORTED, Document, Event

TABLES = (
    """
    create temporary table if not exists staged_memories (
        place integer, id uuid, document_id uuid, source text, native_id text, content text, content_hash text,
        context text, summary text, tags text [], metadata jsonb, chunk_index integer, total_chunks integer,
        parent_id uuid, created_at timestamptz, updated_at timestamptz, source_hash bytea, memory_id uuid,
        is_exported boolean, was_created_at timestamptz, outcome text
    )
    """,
    "create index if not exists staged_memories_id_idx on staged_memories (id)",
    "create index if not exists staged_memories_document_idx on staged_memories (document_id)",
    "create index if not exists staged_memories_hash_idx on staged_memories (content_hash)",
    "create temporary table if not exists retired_memories (id uuid primary key, document_id uuid, memory_id uuid)",
    "create temporary table if not exists touched_memories (id uuid primary key)",
    """
    create temporary table if not exists staged_events (
        event_id uuid, memory_id uuid, kind text, grade smallint, query_id uuid, rank integer, occurred_at timestamptz,
        details jsonb
    )
    """,
)
EMPTY = "truncate staged_memories, retired_memories, touched_memories, staged_events"
COPY_MEMORIES = """
copy staged_memories (
    place, id, document_id, source, native_id, content, content_hash, context, summary, tags, metadata, chunk_index,
    total_chunks, parent_id, created_at, updated_at, source_hash, memory_id,
    is_exported
) from stdin
"""
COPY_EVENTS = """
copy staged_events (event_id, memory_id, kind, grade, query_id, rank, occurred_at, details) from stdin
"""
# The current rows of long documents, whatever their ids.
LYING = """
select parent_id, id from public.memories where parent_id = any(%s) order by parent_id, coalesce(chunk_index, 1), id
"""
# The texts that must not become a chunk, because another document says them or they were forgotten.
NOT_FREE = """
select content_hash from public.memories where content_hash = any(%(hashes)s)
    and coalesce(parent_id, id) is distinct from %(document)s
union
select content_hash from dreams.tombstones where content_hash = any(%(hashes)s)
"""


def prepare(connection: Connection) -> None:
    """Creates the temporary tables, which last as long as the connection."""
    for statement in TABLES:
        connection.execute(statement)


def stage(connection: Connection, documents: Sequence[Document], events: Sequence[Event]) -> None:
    """Fills the temporary tables with one batch, which must hold each document only once."""
    connection.execute(EMPTY)
    cursor = connection.cursor()
    rows = list(_rows(connection, documents))
    with cursor.copy(COPY_MEMORIES) as copy:
        for place, (document, row) in enumerate(rows):
            copy.write_row(_memory(place, document, row))
    with cursor.copy(COPY_EVENTS) as copy:
        for event in events:
            copy.write_row(_event(event))
    connection.execute("analyze staged_memories")


def _memory(place: int, document: Document, row: MemoryRow) -> Sequence[object]:
    native_id = EXPORTED.sub("", document.native_id)
    return (
        place, row.id, row.document_id, document.source, native_id or None, row.content, row.content_hash,
        row.context, row.summary, row.tags, Jsonb(row.metadata), row.chunk_index, row.total_chunks, row.parent_id,
        row.created_at, row.updated_at, said_hash(document) if row.id == document.id else None, row.id,
        native_id != document.native_id,
    )  # fmt: skip


def _event(event: Event) -> Sequence[object]:
    details = {
        "query": event.query,
        "given_context": event.context,
        "given_tags": list(event.tags or ()) or None,
    }
    kept = {key: value for key, value in details.items() if value is not None}
    return (
        event.id, event.memory_id, event.kind, event.grade, event.query_id, event.rank, event.occurred_at,
        Jsonb(kept) if kept else None,
    )  # fmt: skip


def _rows(connection: Connection, documents: Sequence[Document]) -> Iterator[tuple[Document, MemoryRow]]:
    """Cuts a batch into rows. The store holds a text once, so a chunk that another document says is cut differently."""
    cut = {document.id: rows_of(document) for document in documents}
    long = [document for document in documents if len(cut[document.id]) > 1]
    whole = {rows[0].content for rows in cut.values() if len(rows) == 1}
    lying = _lying(connection, [document.id for document in long])
    given: set[str] = set(whole)
    for document in long:
        named = replace(document, chunk_ids=[*lying.get(document.id, document.chunk_ids)])
        cut[document.id] = _cut(connection, named, given)
        given.update(row.content for row in cut[document.id])
    return ((document, row) for document in documents for row in cut[document.id])


def _cut(connection: Connection, document: Document, given: Collection[str]) -> Sequence[MemoryRow]:
    rows = rows_of(document)
    taken: frozenset[str] = frozenset()
    while others := _not_free(connection, document, rows, given) - taken:
        if not taken and _is_forgotten(connection, rows):
            break
        taken |= others
        rows = rows_of(document, taken)
    return rows


def _not_free(
    connection: Connection, document: Document, rows: Sequence[MemoryRow], given: Collection[str]
) -> frozenset[str]:
    """The contents of these rows that another document says, in the store or the batch, or that were forgotten."""
    hashes = [row.content_hash for row in rows]
    found = connection.execute(NOT_FREE, {"hashes": hashes, "document": document.id}).fetchall()
    stored = {str(content_hash) for (content_hash,) in found}
    return frozenset(row.content for row in rows if row.content_hash in stored or row.content in given)


def _is_forgotten(connection: Connection, rows: Sequence[MemoryRow]) -> bool:
    hashes = [row.content_hash for row in rows]
    found = connection.execute("select from dreams.tombstones where content_hash = any(%s)", (hashes,))
    return found.rowcount == len(rows)


def _lying(connection: Connection, document_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[UUID]]:
    lying: dict[UUID, list[UUID]] = {}
    for document_id, row_id in connection.execute(LYING, (document_ids,)) if document_ids else ():
        lying.setdefault(UUID(str(document_id)), []).append(UUID(str(row_id)))
    return lying
