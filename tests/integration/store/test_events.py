"""A search becomes events that the next cycle learns from, and that survive a crash after the answer."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy
import pytest

from ingest.cycle.run import run_cycle
from memories.documents.write import forget, store
from memories.embedding.vectors import Vectors
from memories.errors import StoreError
from memories.memory import Memory
from memories.postgres.database import connect
from memories.recall.events import EventWriter, Recall
from memories.records import Document
from memories.settings import settings
from tests.conftest import ROOT, new_database

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
SEARCH_AND_DIE = """
import os, signal
from memories.memory import Memory

memory = Memory()
answer = memory.search("key", words_only=True)
memory.get(answer.results[0].memory.id, query_id=answer.query_id)
print(answer.query_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def embed(texts: Sequence[str]) -> Vectors:
    return numpy.ones((len(texts), 4), dtype=numpy.float32) / 2


@pytest.fixture
def memory(store_url: str) -> Iterator[Memory]:
    with Memory(embed=embed) as opened:
        yield opened


def events(*kinds: str) -> list[tuple[object, ...]]:
    with connect() as connection:
        return connection.execute(
            "select e.kind, e.memory_id, e.query_id, e.rank, s.query from dreams.recall_events as e"
            " left join dreams.searches as s on s.query_id = e.query_id and e.kind = 'listed'"
            " where e.kind = any(%s) order by e.kind, e.rank, e.memory_id",
            (list(kinds or ("listed", "opened", "cited")),),
        ).fetchall()


def spools(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jsonl"))


def stored(content: str = "The spare key hangs behind the clock") -> UUID:
    with connect() as connection:
        return store(connection, Document("test", content, content))


def test_a_search_and_what_follows_it_are_events(memory: Memory) -> None:
    first, second = memory.store("The key of the house"), memory.store("The key of the boat, and the key of the car")
    answer = memory.search("which key?")
    ranks = {result.memory.id: result.rank for result in answer.results}
    assert set(ranks) == {first, second}
    memory.get(second, query_id=answer.query_id)
    memory.cited(str(first)[:8], answer.query_id)
    memory.get(first, record=False)
    memory.close()
    assert events() == [
        ("cited", first, answer.query_id, None, None),
        *(("listed", found.memory.id, answer.query_id, found.rank, "which key?") for found in answer.results),
        ("opened", second, answer.query_id, None, None),
    ]
    assert spools(settings().dreams_home / "events") == []


def test_searches_of_the_past_and_on_request_leave_no_trace(memory: Memory) -> None:
    memory.store("The key of the house")
    memory.search("key", record=False)
    memory.search("key", as_of=datetime.now(UTC) - timedelta(days=1))
    memory.why(memory.search("key", record=False).results[0].memory.id, "key")
    memory.close()
    assert events() == []


def test_a_search_as_of_now_is_one_of_the_present(memory: Memory) -> None:
    memory.store("The key of the house")
    answer = memory.search("key", as_of=datetime.now(UTC) + timedelta(minutes=1))
    memory.close()
    assert [event[2] for event in events()] == [answer.query_id]


def test_the_chunk_that_matched_is_what_was_listed(memory: Memory) -> None:
    memory.store(
        "\n\n".join(f"Part {number} is about {word}. " * 300 for number, word in enumerate(("tides", "boats")))
    )
    (result,) = memory.search("boats").results
    memory.close()
    assert [event[1] for event in events()] == [result.passage_id]
    with connect() as connection:
        rows = connection.execute("select id from memories where content like '%%boats%%'").fetchall()
    assert (result.passage_id,) in rows


def test_a_process_killed_right_after_its_answer_loses_no_event(store_url: str) -> None:
    stored()
    died = subprocess.run(
        [sys.executable, "-c", SEARCH_AND_DIE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    query_id = UUID(died.stdout.strip())
    assert "opened" not in {kind for kind, *_ in events()}
    for _ in range(2):
        Memory(embed=embed).close()
        (listed, opened) = events()
        assert (listed[0], listed[2], listed[3], listed[4]) == ("listed", query_id, 1, "key")
        assert (opened[0], opened[2]) == ("opened", query_id)


def test_events_are_taken_from_the_dead_alone(store_url: str, tmp_path: Path) -> None:
    living = EventWriter(tmp_path)
    living.record([Recall(stored(), "opened", NOW)])
    assert not EventWriter(tmp_path).has_events
    living.close()
    heir = EventWriter(tmp_path)
    with connect(autocommit=True) as connection:
        heir.flush(connection)
    assert len(events()) == 1
    assert not heir.has_events
    assert spools(tmp_path) == []


def test_a_line_that_was_cut_short_costs_no_other(store_url: str, tmp_path: Path) -> None:
    memory_id, writer = stored(), EventWriter(tmp_path)
    writer.record(Recall(memory_id, "listed", NOW, uuid4(), rank, "key") for rank in (1, 2))
    writer.close()
    (spool,) = spools(tmp_path)
    spool.write_text(spool.read_text() + '{"event_id": "3f2a91c0-')
    with connect(autocommit=True) as connection:
        EventWriter(tmp_path).flush(connection)
    assert [event[3] for event in events()] == [1, 2]


def test_events_of_deleted_memories_are_dropped(store_url: str, tmp_path: Path) -> None:
    kept, gone, writer = stored("kept"), stored("gone"), EventWriter(tmp_path)
    writer.record([Recall(kept, "opened", NOW), Recall(gone, "opened", NOW), Recall(uuid4(), "opened", NOW)])
    with connect(autocommit=True) as connection:
        forget(connection, gone)
        writer.flush(connection)
    assert [event[1] for event in events()] == [kept]
    assert not writer.has_events


def test_an_event_of_a_memory_that_is_being_deleted_waits_and_goes_with_it(store_url: str, tmp_path: Path) -> None:
    kept, going, writer = stored("kept"), stored("going"), EventWriter(tmp_path)
    writer.record([Recall(kept, "opened", NOW), Recall(going, "opened", NOW, query="a secret")])
    with connect(autocommit=True) as flushing:
        with connect() as deleting:
            forget(deleting, going)
            writer.flush(flushing)
            assert writer.has_events
        writer.flush(flushing)
    assert not writer.has_events
    assert [event[1] for event in events()] == [kept]


def test_events_of_one_store_do_not_go_to_another(
    server: str, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMS_HOME", str(tmp_path))
    stored()
    died = subprocess.run(
        [sys.executable, "-c", SEARCH_AND_DIE], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert died.returncode == -signal.SIGKILL
    left = spools(tmp_path)
    assert left
    settings.cache_clear()
    Memory(new_database(server), embed=embed).close()
    assert spools(tmp_path) == left
    Memory(store_url, embed=embed).close()
    assert spools(tmp_path) == []
    assert len(events()) == 2


def test_what_people_asked_is_for_their_eyes_alone(memory: Memory) -> None:
    memory.store("The key of the house")
    writer = EventWriter(settings().dreams_home / "events" / "private")
    writer.record([Recall(uuid4(), "listed", NOW, query="a secret")])
    (spool,) = spools(settings().dreams_home / "events" / "private")
    assert (spool.stat().st_mode & 0o777, spool.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    writer.close()
    spool.unlink()


def test_a_disk_that_takes_no_more_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    writer = EventWriter(folder)
    folder.rmdir()
    with pytest.raises(StoreError, match="make room"):
        writer.record([Recall(uuid4(), "opened", NOW)])


def test_a_very_long_question_does_not_fill_the_table(memory: Memory) -> None:
    memory.store("The key of the house")
    memory.search("key " * 2_400, words_only=True)
    memory.close()
    ((*_, query),) = events()
    assert query.startswith("key key")
    assert len(query) == 2_000


def test_the_next_cycle_learns_from_a_search(dreamt_url: str) -> None:
    with Memory(embed=embed) as memory:
        query = "penicillin allergy and the tide gauge"
        for _ in range(3):
            answer = memory.search(query, k=2, words_only=True)
        pair = sorted(result.memory.id for result in answer.results)
        for memory_id in pair:
            memory.get(memory_id, query_id=answer.query_id)
    edge = (
        "select evidence_count from dreams.edge_states where edge_type = 'hebbian' and (memory_a, memory_b) = (%s, %s)"
    )
    with connect(autocommit=True) as connection:
        before = connection.execute(edge, pair).fetchone() or (0,)
        run_cycle("consolidation")
        after = connection.execute(edge, pair).fetchone()
    assert after[0] >= before[0] + 3
