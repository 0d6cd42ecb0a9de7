"""Reads whole documents from their rows, and the place of each row in its document."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from memories.documents.chunk import placed, reassemble
from memories.errors import NotFound
from memories.postgres.database import Connection
from memories.records import Memoir

# What `rows_of` adds to the metadata of a chunk.
PLACE_KEYS = frozenset(("byte_start", "byte_end"))

ROWS = """
select
    coalesce(m.parent_id, m.id), m.id, m.content, m.context, m.summary, m.tags, m.metadata,
    coalesce(m.created_at, m.updated_at, to_timestamp(0)),
    coalesce(m.updated_at, m.created_at, to_timestamp(0))
from public.memories as m
where
    m.id = any(%(ids)s)
    or m.parent_id = any(array(select g.parent_id from public.memories as g where g.id = any(%(ids)s)))
order by 1, coalesce(m.chunk_index, 1), m.id
"""


class DocumentPart(NamedTuple):
    """A row of a document."""

    document: UUID
    id: UUID
    content: str
    context: str
    summary: str
    tags: Sequence[str] | None
    metadata: object
    created_at: datetime
    updated_at: datetime


def memoir(connection: Connection, memory_id: UUID) -> Memoir:
    """Returns the whole document that a row belongs to. Raises NotFound when there is no such row."""
    found = memoirs(connection, [memory_id])
    if not found:
        raise NotFound(f"{str(memory_id)!r} names no memory: search for it, or give the id that a search shows")
    return found[memory_id]


def memoirs(connection: Connection, memory_ids: Collection[UUID]) -> Mapping[UUID, Memoir]:
    """Returns the whole documents that rows belong to, by the id of the row asked for; omits missing rows."""
    asked = set(memory_ids)
    rows = connection.execute(ROWS, {"ids": list(asked)}).fetchall()
    documents = [list(group) for _, group in groupby(map(DocumentPart._make, rows), key=lambda part: part.document)]
    return {
        row: whole
        for parts in documents
        for whole in [_whole(parts)]
        for row in asked.intersection(part.id for part in parts)
    }


def document_rows(connection: Connection, memory_id: UUID) -> Sequence[UUID]:
    """Returns the ids of all rows of the document that a memory belongs to, in chunk order."""
    found = connection.execute(
        "select m.id from public.memories as given inner join public.memories as m"
        " on m.id = given.id or m.parent_id = given.parent_id where given.id = %s"
        " order by coalesce(m.chunk_index, 1), m.id",
        (memory_id,),
    )
    return [UUID(str(row_id)) for (row_id,) in found]


def _whole(parts: Sequence[DocumentPart]) -> Memoir:
    """Reassembles a document. Its id is that of its first chunk: the parent_id that Codex sets names no memory."""
    head = parts[0]
    metadata = [part.metadata if isinstance(part.metadata, dict) else {} for part in parts]
    starts = [found.get("byte_start") if len(parts) > 1 else 0 for found in metadata]
    hidden = PLACE_KEYS if len(parts) > 1 else ()
    return Memoir(
        id=head.id,
        content=reassemble(placed([part.content for part in parts], starts)),
        context=head.context,
        summary=head.summary,
        tags=head.tags or [],
        metadata={name: value for name, value in metadata[0].items() if name not in hidden},
        created_at=min(part.created_at for part in parts),
        updated_at=max(part.updated_at for part in parts),
        total_chunks=len(parts),
    )


PLACES = """
select id, chunk_index, total_chunks, parent_id, semantic_cluster
from public.memories where id = any(%s)
"""


@dataclass(frozen=True, slots=True)
class RowPlace:
    """A row's place in its document and cluster; all but `id` are None for an unclustered memory of a single row."""

    id: UUID
    chunk_index: int | None
    total_chunks: int | None
    parent_id: UUID | None
    semantic_cluster: int | None


def places(connection: Connection, row_ids: Collection[UUID]) -> Mapping[UUID, RowPlace]:
    """Returns the places of rows by id; omits missing rows."""
    with connection.cursor(row_factory=class_row(RowPlace)) as rows:
        return {place.id: place for place in rows.execute(PLACES, (list(row_ids),))}
