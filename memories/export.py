"""Writes everything a person put in, and what happened to it, as the JSON lines that `dreams ingest jsonl` reads."""

import json
from collections.abc import Iterator
from itertools import groupby

from psycopg.rows import dict_row

from memories.chunk import placed, reassemble
from memories.database import Connection

MEMORIES = """
select
    id, content, context, summary, tags, metadata, chunk_index, parent_id,
    coalesce(created_at, updated_at, to_timestamp(0)) as created_at,
    coalesce(updated_at, created_at, to_timestamp(0)) as updated_at
from public.memories order by coalesce(parent_id, id), coalesce(chunk_index, 1), id
"""

EVENTS = """
select event_id, memory_id, kind, grade, query_id, rank, occurred_at, details
from dreams.recall_events where kind not in ('created', 'edited', 'rehearsed')
order by coalesce(query_id, event_id), rank, event_id
"""
PLACE_KEYS = ("byte_start", "byte_end")
ACTIONS = ("opened", "cited", "listed")


def export(connection: Connection) -> Iterator[str]:
    """One JSON object a line: documents whole, then stores, recalls, reviews and pins."""
    yield from (json.dumps(line, ensure_ascii=False) for line in _memories(connection))
    yield from (json.dumps(line, ensure_ascii=False) for line in _events(connection))


def _memories(connection: Connection) -> Iterator[dict[str, object]]:
    with connection.cursor(name="export_memories", row_factory=dict_row) as rows:
        rows.execute(MEMORIES)
        for _, group in groupby(rows, key=lambda row: row["parent_id"] or row["id"]):
            parts = list(group)
            head = parts[0]
            metadata = {key: value for key, value in (head["metadata"] or {}).items() if key not in PLACE_KEYS}
            yield {
                "id": str(head["parent_id"] or head["id"]),
                "content": _content(parts),
                "context": head["context"],
                "summary": head["summary"],
                "tags": head["tags"] or [],
                "metadata": metadata,
                "created_at": head["created_at"].isoformat(),
                "updated_at": head["updated_at"].isoformat(),
            }


def _content(parts: list[dict[str, object]]) -> str:
    """The document that chunks were cut from."""
    metadata = [part["metadata"] if isinstance(part["metadata"], dict) else {} for part in parts]
    starts = [found.get("byte_start") if len(parts) > 1 else 0 for found in metadata]
    return reassemble(placed([str(part["content"]) for part in parts], starts))


def _events(connection: Connection) -> Iterator[dict[str, object]]:
    with connection.cursor(name="export_events", row_factory=dict_row) as rows:
        rows.execute(EVENTS)
        for key, group in groupby(rows, key=lambda row: row["query_id"] or row["event_id"]):
            events = list(group)
            recalls = [event for event in events if event["kind"] in ACTIONS]
            if recalls:
                yield {
                    "type": "recall",
                    "id": str(key),
                    "query": (recalls[0]["details"] or {}).get("query", ""),
                    "occurred_at": recalls[0]["occurred_at"].isoformat(),
                    "results": [{"memory": str(event["memory_id"]), "action": event["kind"]} for event in recalls],
                }
            yield from (_single(event) for event in events if event["kind"] not in ACTIONS)


def _single(event: dict[str, object]) -> dict[str, object]:
    kinds = {"upserted": "store", "reviewed": "review", "pinned": "pin", "unpinned": "unpin"}
    line = {
        "type": kinds[str(event["kind"])],
        "id": str(event["event_id"]),
        "memory": str(event["memory_id"]),
        "occurred_at": event["occurred_at"].isoformat(),  # type: ignore[attr-defined]
    }
    details = event["details"] or {}
    assert isinstance(details, dict)  # noqa: S101 - the column is a JSON object
    extra = {"grade": event["grade"], "context": details.get("given_context"), "tags": details.get("given_tags")}
    return line | {key: value for key, value in extra.items() if value is not None}
