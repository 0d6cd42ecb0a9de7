"""Exports memories and their history as the JSON lines that `dreams ingest jsonl` reads.

Memories, documents, chunks and events are named `dreams:<id>`, by which they keep their ids in another store.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from psycopg.rows import dict_row

from memories.documents.chunk import placed, reassemble
from memories.postgres.database import Connection

Line = dict[str, object]

# Several documents may share one content: context, tags and the rest come from the memory's own document.
MEMORIES = """
select
    m.id, m.content, coalesce(o.context, m.context) as context, coalesce(o.summary, m.summary) as summary,
    coalesce(o.tags, m.tags) as tags, coalesce(o.metadata, m.metadata) as metadata, m.chunk_index, m.parent_id,
    coalesce(o.created_at, m.created_at, m.updated_at, to_timestamp(0)) as created_at,
    coalesce(m.updated_at, m.created_at, to_timestamp(0)) as updated_at, m.source_hash, null as native_id
from public.memories as m left join dreams.occurrences as o on o.document_id = m.id
order by coalesce(m.parent_id, m.id), coalesce(m.chunk_index, 1), m.id
"""
OTHERS = """
select
    o.document_id as id, m.content, o.context, o.summary, o.tags, o.metadata, o.created_at, o.updated_at,
    o.source_hash, o.native_id
from dreams.occurrences as o inner join public.memories as m on m.id = o.memory_id
where o.document_id <> o.memory_id
order by o.memory_id, o.document_id
"""
VERSIONS = """
select memory_id, version, content, context, summary, tags, metadata, valid_until, document_id
from dreams.memory_versions order by memory_id, version
"""
# A memory's own creation is not exported: its date implies it.
EVENTS = """
select
    e.event_id, e.memory_id, e.document_id, e.kind, e.grade, e.query_id, e.rank, e.occurred_at, e.details, s.query
from dreams.recall_events as e left join dreams.searches as s on s.query_id = coalesce(e.query_id, e.event_id)
where e.kind not in ('created', 'rehearsed') or e.kind = 'created' and e.document_id is not null
order by coalesce(e.query_id, e.event_id), e.rank, e.event_id
"""
PLACE_KEYS = ("byte_start", "byte_end")
ACTIONS = ("opened", "cited", "listed")
TYPES = {
    "created": "create", "upserted": "store", "edited": "edit", "reviewed": "review", "pinned": "pin",
    "unpinned": "unpin",
}  # fmt: skip


def export(connection: Connection) -> Iterator[str]:
    """Yields one JSON object per line: whole documents, then their earlier versions, then their events."""
    for lines in (_memories, _others, _versions, _events):
        yield from (json.dumps(line, ensure_ascii=False) for line in lines(connection))


def _memories(connection: Connection) -> Iterator[Line]:
    with connection.cursor(name="export_memories", row_factory=dict_row) as rows:
        rows.execute(MEMORIES)
        for _, group in groupby(rows, key=lambda row: row["parent_id"] or row["id"]):
            parts = list(group)
            line = _document(parts[0]) | {"content": _content(parts)}
            yield line if len(parts) == 1 else line | {"chunk_ids": [str(part["id"]) for part in parts]}


def _others(connection: Connection) -> Iterator[Line]:
    with connection.cursor(name="export_others", row_factory=dict_row) as rows:
        rows.execute(OTHERS)
        yield from map(_document, rows)


def _document(row: Mapping[str, object]) -> Line:
    metadata, hashed = row["metadata"] or {}, row["source_hash"]
    assert isinstance(metadata, dict)  # noqa: S101 - the column is a JSON object
    line = {
        "id": _name(row["id"]),
        "content": row["content"],
        "context": row["context"],
        "summary": row["summary"],
        "tags": row["tags"] or [],
        "metadata": {key: value for key, value in metadata.items() if key not in PLACE_KEYS},
        "created_at": _date(row["created_at"]),
        "updated_at": _date(row["updated_at"]),
        "native_id": row["native_id"],
        "source_hash": hashed.hex() if isinstance(hashed, bytes) else None,
    }
    return {key: value for key, value in line.items() if value is not None}


def _content(parts: Sequence[Mapping[str, object]]) -> str:
    """Reassembles the content of a document from its chunks."""
    metadata = [part["metadata"] if isinstance(part["metadata"], dict) else {} for part in parts]
    starts = [found.get("byte_start") if len(parts) > 1 else 0 for found in metadata]
    return reassemble(placed([str(part["content"]) for part in parts], starts))


def _versions(connection: Connection) -> Iterator[Line]:
    with connection.cursor(name="export_versions", row_factory=dict_row) as rows:
        rows.execute(VERSIONS)
        for row in rows:
            line = {
                "type": "version",
                "memory": _name(row["memory_id"]),
                "version": row["version"],
                "content": row["content"],
                "context": row["context"],
                "summary": row["summary"],
                "tags": row["tags"] or [],
                "metadata": row["metadata"] or {},
                "valid_until": _date(row["valid_until"]),
                "document": row["document_id"] and _name(row["document_id"]),
            }
            yield {key: value for key, value in line.items() if value is not None}


def _events(connection: Connection) -> Iterator[Line]:
    with connection.cursor(name="export_events", row_factory=dict_row) as rows:
        rows.execute(EVENTS)
        for _, group in groupby(rows, key=lambda row: row["query_id"] or row["event_id"]):
            events = list(group)
            if recalls := [event for event in events if event["kind"] in ACTIONS]:
                yield _recall(recalls)
            yield from (_single(event) for event in events if event["kind"] not in ACTIONS)


def _recall(events: Sequence[Mapping[str, object]]) -> Line:
    first = events[0]
    line: Line = {
        "type": "recall",
        "query": first["query"] or "",
        "occurred_at": _date(first["occurred_at"]),
        "results": [
            {
                "id": _name(event["event_id"]),
                "memory": _name(event["document_id"] or event["memory_id"]),
                "action": event["kind"],
                "rank": event["rank"],
                "occurred_at": _date(event["occurred_at"]),
            }
            for event in events
        ],
    }
    return line if first["query_id"] is None else line | {"id": _name(first["query_id"])}


def _single(event: Mapping[str, object]) -> Line:
    details = _details(event)
    line = {
        "type": TYPES[str(event["kind"])],
        "id": _name(event["event_id"]),
        "memory": _name(event["document_id"] or event["memory_id"]),
        "occurred_at": _date(event["occurred_at"]),
        "grade": event["grade"],
        "context": details.get("given_context"),
        "tags": details.get("given_tags"),
    }
    return {key: value for key, value in line.items() if value is not None}


def _details(event: Mapping[str, object]) -> Mapping[str, object]:
    details = event["details"] or {}
    assert isinstance(details, dict)  # noqa: S101 - the column is a JSON object
    return details


def _name(value: object) -> str:
    assert isinstance(value, UUID)  # noqa: S101 - as the column is
    return f"dreams:{value}"


def _date(value: object) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else None
