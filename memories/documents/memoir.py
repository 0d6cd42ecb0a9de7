"""Reads memories as a person knows them, documents whole, and where each row stands in its document."""

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


class Part(NamedTuple):
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
    """The whole document that a row belongs to. Raises NotFound when there is no such row."""
    found = memoirs(connection, [memory_id])
    if not found:
        raise NotFound(f"{str(memory_id)!r} names no memory: search for it, or give the id that a search shows")
    return found[memory_id]


def memoirs(connection: Connection, memory_ids: Collection[UUID]) -> Mapping[UUID, Memoir]:
    """The whole documents that rows belong to, by the id of the row asked for; a row that is gone has none."""
    asked = set(memory_ids)
    rows = connection.execute(ROWS, {"ids": list(asked)}).fetchall()
    documents = [list(group) for _, group in groupby(map(Part._make, rows), key=lambda part: part.document)]
    return {
        row: whole
        for parts in documents
        for whole in [_whole(parts)]
        for row in asked.intersection(part.id for part in parts)
    }


def document_rows(connection: Connection, memory_id: UUID) -> Sequence[UUID]:
    """All rows of the document that a memory belongs to, the first chunk first."""
    found = connection.execute(
        "select m.id from public.memories as given inner join public.memories as m"
        " on m.id = given.id or m.parent_id = given.parent_id where given.id = %s"
        " order by coalesce(m.chunk_index, 1), m.id",
        (memory_id,),
    )
    return [UUID(str(row_id)) for (row_id,) in found]


def _whole(parts: Sequence[Part]) -> Memoir:
    """A document goes by the id of its first chunk: the parent_id that Codex gives to chunks is no memory's."""
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
    """Where a row stands; all but its id are None for a memory that is whole and that no night has clustered."""

    id: UUID
    chunk_index: int | None
    total_chunks: int | None
    parent_id: UUID | None
    semantic_cluster: int | None


def places(connection: Connection, row_ids: Collection[UUID]) -> Mapping[UUID, RowPlace]:
    """The places of rows, by their ids; a row that is gone has none."""
    with connection.cursor(row_factory=class_row(RowPlace)) as rows:
        return {place.id: place for place in rows.execute(PLACES, (list(row_ids),))}
