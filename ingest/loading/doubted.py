"""Holds back documents that look older than what the store has, until the whole source has been read."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from memories.postgres.database import Connection
from memories.records import Document

TABLE = """
create temporary table if not exists doubted_documents (
    document_id uuid primary key, place bigint generated always as identity, document jsonb
)
"""
SUPERSEDE = "delete from doubted_documents as d using staged_memories as s where s.document_id = d.document_id"
OLDER = "select document_id from staged_memories where outcome = 'older' and id = document_id"
ADD = "copy doubted_documents (document_id, document) from stdin"
TAKE = """
delete from doubted_documents where document_id in (
    select document_id from doubted_documents order by place limit %s
)
returning place, document
"""


def forget_doubted(connection: Connection) -> None:
    """Creates the table of held-back documents, or empties it, before a load."""
    connection.execute(TABLE)
    connection.execute("truncate doubted_documents")


def doubt(connection: Connection, documents: Sequence[Document]) -> None:
    """Holds back the staged documents that look older, and drops earlier held-back states of the batch's documents."""
    connection.execute(SUPERSEDE)
    older = {UUID(str(document_id)) for (document_id,) in connection.execute(OLDER)}
    if not older:
        return
    with connection.cursor().copy(ADD) as copy:
        for document in documents:
            if document.id in older:
                copy.write_row((document.id, Jsonb(_fields(document))))


def take_doubted(connection: Connection, most: int) -> Sequence[Document]:
    """Removes and returns up to `most` held-back documents, in the order in which they came."""
    return [_document(fields) for _, fields in sorted(connection.execute(TAKE, (most,)).fetchall(), key=_place)]


def _place(row: Sequence[object]) -> int:
    return int(str(row[0]))


def _fields(document: Document) -> dict[str, object]:
    return dict(json.loads(json.dumps(asdict(document), default=_text)))


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _document(fields: object) -> Document:
    assert isinstance(fields, dict)  # noqa: S101 - `doubt` wrote it
    created_at, updated_at, source_hash = (fields[name] for name in ("created_at", "updated_at", "source_hash"))
    return Document(
        **{
            **fields,
            "created_at": created_at and datetime.fromisoformat(created_at),
            "updated_at": updated_at and datetime.fromisoformat(updated_at),
            "chunk_ids": [UUID(each) for each in fields["chunk_ids"]],
            "source_hash": source_hash and bytes.fromhex(source_hash),
        }
    )
