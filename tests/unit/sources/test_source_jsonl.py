import gzip
import io
import json
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from ingest.sources import jsonl, read, size_bytes
from ingest.sources.reading.stream import Line, lines
from memories.errors import SourceError
from memories.records import Document, Event, Rejected


def written(folder: Path, *lines: object, name: str = "m.jsonl") -> Path:
    path = folder / name
    path.write_bytes(
        b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in lines)
    )
    return path


def only(path: Path) -> Document | Event | Rejected:
    (record,) = jsonl.read(path)
    return record


def test_a_memory_keeps_every_field(tmp_path: Path) -> None:
    line = {
        "id": "a",
        "content": " Grüße \n",
        "context": "c",
        "summary": "s",
        "tags": ["x", " y ", "x"],
        "metadata": {"n": [1, {"k": None}], "mood": 1},
        "created_at": "2024-05-01T12:00:00+02:00",
        "updated_at": 0,
        "mood": "calm",
        "place": "home",
    }
    assert only(written(tmp_path, line)) == Document(
        source="jsonl",
        native_id="a",
        content=" Grüße \n",
        context="c",
        summary="s",
        tags=("x", "y"),
        metadata={"n": [1, {"k": None}], "mood": 1, "mood_": "calm", "place": "home"},
        created_at=datetime(2024, 5, 1, 10, tzinfo=UTC),
        updated_at=datetime(1970, 1, 1, tzinfo=UTC),
    )


def test_without_an_id_the_content_names_the_memory(tmp_path: Path) -> None:
    record = only(written(tmp_path, {"content": "héllo"}))
    assert isinstance(record, Document)
    assert record.native_id == sha256("héllo".encode()).hexdigest()


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("1931-02-03", datetime(1931, 2, 3, tzinfo=UTC)),
        (-86400.5, datetime(1969, 12, 30, 23, 59, 59, 500000, tzinfo=UTC)),
        ("2931-02-03T04:05", datetime(2931, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-01T00:00:00Z", datetime(2024, 1, 1, tzinfo=UTC)),
    ],
)
def test_dates_of_any_year_are_taken(tmp_path: Path, date: object, expected: datetime) -> None:
    record = only(written(tmp_path, {"content": "x", "created_at": date}))
    assert isinstance(record, Document)
    assert record.created_at == expected


@pytest.mark.parametrize("date", ["yesterday", "2024-13-01", 1.7e12, True, [], "0001-01-01T00:00+10:00", 10**400])
def test_a_nonsense_date_rejects_its_line(tmp_path: Path, date: object) -> None:
    record = only(written(tmp_path, {"content": "x", "created_at": date}))
    assert isinstance(record, Rejected)
    assert "created_at" in record.reason and "ISO 8601" in record.reason


def test_events_are_read_with_identities_of_their_own(tmp_path: Path) -> None:
    at = {"occurred_at": "2024-01-01T00:00:00Z"}
    results = [
        {"memory": "a", "action": "listed"},
        {"memory": 7, "action": "opened"},
        {"memory": "a", "action": "cited"},
    ]
    path = written(
        tmp_path,
        {"type": "store", "id": "1", "memory": "a", "context": "c", "tags": ["t"], **at},
        {"type": "recall", "id": "1", "query": "where?", "results": results, **at},
        {"type": "review", "id": "1", "memory": "a", "grade": 3, **at},
        {"type": "pin", "id": "1", "memory": "a", **at},
        {"type": "unpin", "id": "1", "memory": "a", **at},
    )
    events = [each for each in jsonl.read(path) if isinstance(each, Event)]
    assert [each.kind for each in events] == ["upserted", "listed", "opened", "cited", "reviewed", "pinned", "unpinned"]
    assert len({each.id for each in events}) == 7
    assert [each.id for each in jsonl.read(path) if isinstance(each, Event)] == [each.id for each in events]
    store, first, second, third, review, *_ = events
    assert (store.context, store.tags, review.grade) == ("c", ("t",), 3)
    assert [each.rank for each in (first, second, third)] == [1, 2, 3]
    assert second.memory_native_id == "7"
    assert {(each.query_native_id, each.query) for each in (first, second, third)} == {("1", "where?")}


@pytest.mark.parametrize(
    "line",
    [
        {"type": "dream", "content": "x"},
        {"type": "review", "id": "1", "memory": "a", "grade": 5, "occurred_at": 0},
        {"type": "review", "id": "1", "memory": "a", "grade": True, "occurred_at": 0},
        {"type": "pin", "id": "1", "memory": "a"},
        {"type": "pin", "memory": "a", "occurred_at": 0},
        {"type": "recall", "id": "1", "occurred_at": 0, "results": [{"memory": "a", "action": "eaten"}]},
        {"type": "recall", "id": "1", "occurred_at": 0},
        {"content": "x", "tags": "a"},
        {"content": "x", "metadata": []},
        {"content": 7},
        {"content": "x", "id": ""},
        {"content": "x", "deep": eval("[" * 150 + "]" * 150)},  # noqa: S307
        b'{"content": "x", "metadata": {"n": NaN}}',
        b"[" * 100_000,
        b'{"content": ' + b"1" * 5000 + b"}",
        {"content": " \n\u00a0"},
        {},
    ],
)
def test_what_breaks_the_schema_is_rejected_with_its_line_and_the_rest_loads(tmp_path: Path, line: object) -> None:
    path = written(tmp_path, {"content": "before"}, b"", line, {"content": "after"})
    before, rejected, after = jsonl.read(path)
    assert isinstance(before, Document) and isinstance(after, Document)
    assert isinstance(rejected, Rejected)
    assert rejected.where == f"{path}:3"
    assert not rejected.reason.endswith(".") and len(rejected.reason) < 200


def test_invalid_utf8_is_rejected_with_its_byte(tmp_path: Path) -> None:
    first = b'\xef\xbb\xbf{"content": "a"}'
    _, rejected, third = jsonl.read(written(tmp_path, first, b'{"content": "\xff"}', {"content": "c"}))
    assert isinstance(rejected, Rejected) and isinstance(third, Document)
    assert f"byte {len(first) + 1 + 13} " in rejected.reason


def test_a_byte_order_mark_counts_among_the_bytes(tmp_path: Path) -> None:
    rejected = only(written(tmp_path, b'\xef\xbb\xbf{"\xff'))
    assert isinstance(rejected, Rejected) and "byte 5 " in rejected.reason


def test_what_postgres_cannot_store_is_replaced_and_counted(tmp_path: Path) -> None:
    line = rb'{"id": "\u0000", "content": "a\u0000b\ud800", "tags": ["\u0000"], "metadata": {"\udfff": 1e999}, '
    line += rb'"e": "\ud83d\ude00"}'
    record = only(written(tmp_path, line))
    assert isinstance(record, Document)
    assert (record.native_id, record.content, record.tags) == ("␀", "a␀b\ufffd", ("␀",))
    assert record.metadata == {"\ufffd": "inf", "e": "😀", "replaced_nul": 3, "replaced_surrogates": 2}


def test_ten_megabytes_of_content_arrive_whole(tmp_path: Path) -> None:
    record = only(written(tmp_path, {"content": "ä" * 5_000_000}))
    assert isinstance(record, Document) and record.content == "ä" * 5_000_000


def test_a_line_over_the_limit_is_skipped_and_the_next_one_read(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"x" * 3_000_000 + b"\nshort\n" + b"y" * 11)
    with path.open("rb") as stream:
        found = list(lines(stream, limit_bytes=10))
    assert found == [Line(1, 0, None), Line(2, 3_000_001, b"short\n"), Line(3, 3_000_007, None)]


def test_folders_gzip_and_progress(tmp_path: Path) -> None:
    written(tmp_path, {"content": "one"}, name="b.jsonl")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"content": "zero"}'))
    (tmp_path / "notes.txt").write_text("no")
    counted: list[int] = []
    contents = [each.content for each in read("jsonl", tmp_path, on_bytes=counted.append) if isinstance(each, Document)]
    assert contents == ["zero", "one"]
    assert sum(counted) == size_bytes("jsonl", tmp_path)


def test_a_gzip_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    lines = b"".join(b'{"content": "%d"}\n' % number for number in range(50_000))
    path = tmp_path / "m.jsonl.gz"
    path.write_bytes(gzip.compress(lines)[:-50_000])
    *kept, last = jsonl.read(path)
    assert len(kept) > 10_000 and all(isinstance(each, Document) for each in kept[:-1])
    assert isinstance(last, Rejected)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"content": "piped"}\nnot json\n')))
    record, rejected = jsonl.read(Path("-"))
    assert isinstance(record, Document) and record.content == "piped"
    assert isinstance(rejected, Rejected) and rejected.where == "standard input:2"
    assert size_bytes("jsonl", Path("-")) is None


def test_unsuitable_paths_are_refused_at_once(tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    archive.write_bytes(b"PK\x03\x04....")
    wide = tmp_path / "wide.jsonl"
    wide.write_text('{"content": "x"}', encoding="utf-16")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "none.jsonl", archive, wide, tmp_path / "empty"):
        with pytest.raises(SourceError, match=path.name):
            jsonl.read(path)
    with pytest.raises(SourceError, match="use one of jsonl"):
        read("mail", tmp_path)
