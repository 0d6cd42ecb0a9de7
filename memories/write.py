"""What a person or an assistant does to single memories: store, forget, pin, find by id or words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from psycopg.types.json import Jsonb

from memories.chunk import chunk
from memories.database import Connection
from memories.errors import InputError
from memories.records import Document, identity

SHORTEST_PREFIX = 6


@dataclass(frozen=True, slots=True)
class Row:
    """A row of public.memories to be: a whole document, or one chunk of it."""

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


def rows_of(document: Document, taken: frozenset[str] = frozenset()) -> Sequence[Row]:
    """The rows a document is stored as. The first has the document's id; chunks carry their place in the content."""
    chunks = chunk(document.content, taken)
    whole = len(chunks) == 1
    metadata = {**document.metadata, "source": document.source}
    return [
        Row(
            id=document.id if number == 1 else identity(document.source, f"{document.native_id}#{number}"),
            document_id=document.id,
            content=part.text,
            content_hash=content_hash(part.text),
            context=document.context,
            summary=document.summary,
            tags=list(document.tags),
            metadata=metadata if whole else {**metadata, "byte_start": part.byte_start, "byte_end": part.byte_end},
            chunk_index=None if whole else number,
            total_chunks=None if whole else len(chunks),
            parent_id=None if whole else document.id,
            created_at=document.created_at,
            updated_at=document.updated_at,
        )
        for number, part in enumerate(chunks, 1)
    ]


def content_hash(content: str) -> str:
    return sha256(content.encode()).hexdigest()


def store(connection: Connection, document: Document) -> UUID:
    """Stores one memory and returns its id; the same content again is a re-activation, as with Codex.

    Raises InputError when there is nothing to store, or what Postgres cannot keep as text.
    """
    if not document.content.strip():
        raise InputError("there is nothing to store: give a content that is not empty")
    for text in (document.content, document.context, document.summary, *document.tags):
        if "\0" in text:
            raise InputError("the text holds a NUL character, which Postgres cannot keep: remove it")
        if not text.isascii() and text != text.encode("utf-8", "replace").decode():
            raise InputError("the text is not valid UTF-8: convert it first")
    known = connection.execute(
        "update public.memories set context = %s, summary = %s, tags = %s, updated_at = clock_timestamp()"
        " where content_hash = %s returning id",
        (document.context, document.summary, list(document.tags), content_hash(document.content)),
    ).fetchone()
    if known is not None:
        return UUID(str(known[0]))
    for row in rows_of(document):
        connection.execute(
            "insert into public.memories (id, content, content_hash, context, summary, tags, metadata, chunk_index,"
            " total_chunks, parent_id, created_at, updated_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
            " coalesce(%s, clock_timestamp()), coalesce(%s, %s, clock_timestamp())) on conflict do nothing",
            (
                row.id, row.content, row.content_hash, row.context, row.summary, row.tags, Jsonb(row.metadata),
                row.chunk_index, row.total_chunks, row.parent_id, row.created_at, row.updated_at, row.created_at,
            ),
        )  # fmt: skip
    return document.id


def find(connection: Connection, reference: str) -> UUID:
    """The memory that an id, or its first six or more characters, names.

    Raises InputError when there is none, or more than one.
    """
    wanted = reference.strip().lower()
    if len(wanted) < SHORTEST_PREFIX or not set(wanted) <= set("0123456789abcdef-"):
        raise InputError(f"{reference!r} is not an id: give the memory's id, or at least its first six characters")
    found = connection.execute(
        "select id from public.memories where id::text like %s limit 2", (wanted + "%",)
    ).fetchall()
    if len(found) != 1:
        problem = "names no memory" if not found else "is the beginning of several ids: give more of it"
        raise InputError(f"{reference!r} {problem}")
    return UUID(str(found[0][0]))


def document_rows(connection: Connection, memory_id: UUID) -> Sequence[UUID]:
    """All rows of the document that a memory belongs to."""
    return [
        UUID(str(row[0]))
        for row in connection.execute(
            "select m.id from public.memories as m inner join public.memories as given on given.id = %s"
            " where m.id = given.id or m.parent_id = given.parent_id",
            (memory_id,),
        )
    ]


def forget(connection: Connection, memory_id: UUID) -> int:
    """Deletes a memory, all chunks of its document, and every copy; returns the number of rows deleted."""
    rows = document_rows(connection, memory_id)
    return connection.execute("delete from public.memories where id = any(%s)", (rows,)).rowcount


def pin(connection: Connection, memory_id: UUID, *, pinned: bool = True) -> None:
    """Keeps a memory from fading, or lets it fade again: an event, so that the past stays as it was."""
    connection.execute(
        "insert into dreams.recall_events (memory_id, kind, occurred_at) values (%s, %s, clock_timestamp())",
        (memory_id, "pinned" if pinned else "unpinned"),
    )
