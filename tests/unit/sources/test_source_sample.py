import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.sources import read
from memories.records import Document, Event

LATEST = datetime(2024, 3, 5, 12, tzinfo=UTC)


def sample_file(folder: Path) -> Path:
    path = folder / "memories.jsonl"
    lines = [
        {"id": "a", "content": "x", "created_at": "2024-01-01", "updated_at": "2024-02-01"},
        {"id": "b", "content": "no date"},
        {"type": "pin", "id": "p", "memory": "a", "occurred_at": LATEST.isoformat()},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.mark.parametrize(
    "until", [LATEST, LATEST + timedelta(days=6), LATEST + timedelta(days=900), datetime(1999, 1, 1, tzinfo=UTC)]
)
def test_all_dates_move_by_the_same_weeks_to_end_before_the_instant(tmp_path: Path, until: datetime) -> None:
    first, undated, pin = read("sample", sample_file(tmp_path), until=until)
    assert isinstance(first, Document) and isinstance(undated, Document) and isinstance(pin, Event)
    assert until - timedelta(weeks=1) < pin.occurred_at <= until
    shift = pin.occurred_at - LATEST
    assert shift % timedelta(weeks=1) == timedelta()
    assert first.created_at == datetime(2024, 1, 1, tzinfo=UTC) + shift
    assert first.updated_at == datetime(2024, 2, 1, tzinfo=UTC) + shift
    assert undated.created_at is None


def test_identities_do_not_move(tmp_path: Path) -> None:
    path = sample_file(tmp_path)
    early, late = (
        [
            each.id
            for each in read("sample", path, until=LATEST + timedelta(weeks=weeks))
            if isinstance(each, Document | Event)
        ]
        for weeks in (1, 9)
    )
    assert early == late
    assert {each.source for each in read("sample", path, until=LATEST) if isinstance(each, Document)} == {"sample"}
