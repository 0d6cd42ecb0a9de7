"""Where rows stand: in which document, as which chunk, in which cluster. Called by `Memory`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from memories.database import Connection

PLACES = """
select id, chunk_index, total_chunks, parent_id, semantic_cluster
from public.memories where id = any(%s)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands; all but its id are None for a memory that is whole and that no night has clustered."""

    id: UUID
    chunk_index: int | None
    total_chunks: int | None
    parent_id: UUID | None
    semantic_cluster: int | None


def places(connection: Connection, row_ids: Collection[UUID]) -> Mapping[UUID, Place]:
    """The places of rows, by their ids; a row that is gone has none."""
    with connection.cursor(row_factory=class_row(Place)) as rows:
        return {place.id: place for place in rows.execute(PLACES, (list(row_ids),))}
