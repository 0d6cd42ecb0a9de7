"""The sample that comes with Codex Dreams: JSON lines whose dates are moved to end in the week before an instant."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.sources import jsonl
from ingest.sources.reading.source import OnBytes, Record, ignore, said_hash
from memories.records import Document, Event
from memories.settings import PROJECT_ROOT

SOURCE = "sample"
PATH = PROJECT_ROOT / "sample" / "memories.jsonl"
WEEK = timedelta(weeks=1)


def read(path: Path = PATH, *, until: datetime | None = None, on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """The sample with every date moved by the same whole number of weeks; `until` is the present when not given.

    The latest date then lies in the seven days up to `until`. Identities of memories and events stay as they are.
    """
    dates = (date for record in jsonl.read(path, source=SOURCE) for date in dates_of(record))
    latest = max(dates, default=None)
    shift = timedelta() if latest is None else ((until or datetime.now(UTC)) - latest) // WEEK * WEEK
    return (moved(record, shift) for record in jsonl.read(path, source=SOURCE, on_bytes=on_bytes))


def dates_of(record: Record) -> Iterator[datetime]:
    if isinstance(record, Event):
        yield record.occurred_at
    elif isinstance(record, Document):
        yield from (date for date in (record.created_at, record.updated_at) if date is not None)


def moved(record: Record, shift: timedelta) -> Record:
    if isinstance(record, Event):
        return replace(record, occurred_at=record.occurred_at + shift)
    if not isinstance(record, Document):
        return record
    # The same lines on other dates say nothing else.
    return replace(
        record,
        source_hash=said_hash(record),
        created_at=record.created_at and record.created_at + shift,
        updated_at=record.updated_at and record.updated_at + shift,
    )
