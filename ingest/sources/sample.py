"""Reads the sample that comes with Codex Dreams, its dates shifted to end in the week before an instant."""

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
    """Reads the sample with every date shifted by the same whole number of weeks.

    The latest date falls in the seven days up to `until` (default: now). Memories and events keep their identities.
    """
    dates = (date for record in jsonl.read(path, source=SOURCE) for date in _dates_of(record))
    latest = max(dates, default=None)
    shift = timedelta() if latest is None else ((until or datetime.now(UTC)) - latest) // WEEK * WEEK
    return (_moved(record, shift) for record in jsonl.read(path, source=SOURCE, on_bytes=on_bytes))


def _dates_of(record: Record) -> Iterator[datetime]:
    if isinstance(record, Event):
        yield record.occurred_at
    elif isinstance(record, Document):
        yield from (date for date in (record.created_at, record.updated_at) if date is not None)


def _moved(record: Record, shift: timedelta) -> Record:
    if isinstance(record, Event):
        return replace(record, occurred_at=record.occurred_at + shift)
    if not isinstance(record, Document):
        return record
    # The hash is of the unshifted record, so that shifted dates do not count as a change.
    return replace(
        record,
        source_hash=said_hash(record),
        created_at=record.created_at and record.created_at + shift,
        updated_at=record.updated_at and record.updated_at + shift,
    )
