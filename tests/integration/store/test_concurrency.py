"""Concurrent use causes no error, no lost write, no wrong result and no deadlock."""

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from benchmarks.load import embed, run
from ingest.publishing.published import drop
from ingest.publishing.write_back import publish
from ingest.settings import settings as ingest_settings
from memories.documents.write import forget
from memories.errors import ContentTaken, NotFound, StoreUnreachable
from memories.memory import Memory
from memories.postgres import database
from memories.postgres.database import connect
from memories.settings import StoreSettings
from tests.conftest import eventually, is_anyone_waiting

LOAD_SECONDS = 6


def test_32_write_while_8_search(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make bench-load` does the same for a minute."""
    outcome = run(store_url, LOAD_SECONDS, writers=32, searchers=8, processes=2)
    assert outcome.tally.errors == []
    assert outcome.lost == []
    assert outcome.tally.wrong == []
    assert outcome.deadlocks == 0
    assert len(outcome.tally.claims) > 50
    assert len(outcome.tally.searches) > 8


def deadlocks() -> int:
    with connect(autocommit=True) as connection:
        connection.execute("select pg_stat_force_next_flush()")
        return int(
            connection.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()[
                0
            ]
        )


def everyone(*calls: Callable[[], object]) -> None:
    """Runs all calls at the same moment; raises what any of them raises."""
    together = threading.Barrier(len(calls))

    def go(call: Callable[[], object]) -> None:
        together.wait()
        call()

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(go, calls))


def test_neighbours_are_deleted_and_stored_again_at_once(dreamt_url: str) -> None:
    """Marts tie memories together: each deletion changes rows about the others."""
    with connect() as connection:
        ids = [
            row for (row,) in connection.execute("select id from memories where parent_id is null order by created_at")
        ]
        contents = [text for (text,) in connection.execute("select content from memories order by created_at limit 40")]
    groups = [ids[number : number + 200 : 8] for number in range(8)]

    def by_codex(group: Sequence[UUID]) -> None:
        with connect(dreamt_url, autocommit=True) as connection:
            for memory_id in group:
                connection.execute("delete from memories where id = %s", (memory_id,))

    def many_by_codex(group: Sequence[UUID]) -> None:
        with connect(dreamt_url, autocommit=True) as connection:
            for start in range(0, len(group), 5):
                connection.execute(
                    "delete from memories where id = any(%s)", (list(reversed(group[start : start + 5])),)
                )

    with Memory(embed=embed) as memory:

        def by_person(group: Sequence[UUID]) -> None:
            for memory_id in group:
                memory.forget(memory_id)

        def again(texts: Sequence[str]) -> None:
            for text in texts:
                memory.store(text)

        ways = (by_codex, many_by_codex, by_person)
        deletions = [(lambda w=ways[n % 3], g=group: w(g)) for n, group in enumerate(groups)]
        everyone(*deletions, lambda: again(contents), lambda: again(contents[::-1]))
    assert deadlocks() == 0
    with connect() as connection:
        gone = [memory_id for group in groups for memory_id in group]
        assert connection.execute(
            "select count(*) from dreams.edge_states as e"
            " where e.memory_a <> all(select id from memories) or e.memory_b <> all(select id from memories)"
        ).fetchone() == (0,)
        left = {row for (row,) in connection.execute("select id from memories where id = any(%s)", (gone,))}
        assert len(left) <= len(contents)


def test_deleting_while_a_cycle_publishes_waits_for_it(dreamt_url: str) -> None:
    """A cycle has changed the marts and will label memories; a deletion has locked one, and needs the marts."""
    with connect() as connection:
        victim, other = (
            row
            for (row,) in connection.execute(
                "select memory_id from dreams.memory_states where cluster_id is not null order by memory_id limit 2"
            )
        )
        cycle_id = connection.execute("select cycle_id from dreams.cycles").fetchone()[0]
        connection.execute("update memories set semantic_cluster = null")
        connection.execute("update dreams.memory_states set stability_days = stability_days + 1")
        connection.execute("update dreams.attention_slots set final_priority = final_priority + 1")
    drop(ingest_settings().duckdb_file)
    with ThreadPoolExecutor(2) as pool:
        with connect() as deleting:
            deleting.execute("select from memories where id = %s for update", (victim,))
            publishing = pool.submit(published, cycle_id)
            # It skips the memory that the deletion has locked, and ends; else it would wait for the lock.
            assert eventually(lambda: publishing.done() or is_anyone_waiting())
            forget(deleting, victim)
        publishing.result(60)
    assert deadlocks() == 0
    with connect() as connection:
        for table in ("memory_states", "attention_slots", "episode_members"):
            found = connection.execute(
                f"select count(*) from dreams.{table} where memory_id = %s", (victim,)
            ).fetchone()
            assert found == (0,), table
        assert connection.execute("select semantic_cluster from memories where id = %s", (other,)).fetchone() != (None,)


def published(cycle_id: UUID) -> None:
    with connect() as connection:
        publish(connection, ingest_settings().duckdb_file, cycle_id, ("attention_slots", "memory_states"))


def test_memories_may_trade_their_slots(dreamt_url: str) -> None:
    """A cycle within the same window of attention may compute another order."""
    with connect() as connection:
        cycle_id = connection.execute("select cycle_id from dreams.cycles").fetchone()[0]
        slots = connection.execute(
            "select snapshot_id, wm_slot, memory_id from dreams.attention_slots order by 1, 2"
        ).fetchall()
        connection.execute("set constraints all deferred")
        connection.execute(
            "update dreams.attention_slots as s set memory_id = o.memory_id from dreams.attention_slots as o"
            " where o.snapshot_id = s.snapshot_id and s.wm_slot <= 2 and o.wm_slot = 3 - s.wm_slot"
        )
    # Without knowing what was published, it compares whole marts.
    drop(ingest_settings().duckdb_file)
    published(cycle_id)
    with connect() as connection:
        assert (
            slots
            == connection.execute(
                "select snapshot_id, wm_slot, memory_id from dreams.attention_slots order by 1, 2"
            ).fetchall()
        )


def test_a_document_is_edited_shortened_stored_again_and_forgotten_at_once(store_url: str) -> None:
    sections = [f"Section {number} of the log of the lighthouse. " * 150 for number in range(4)]
    long, short, turned = "\n\n".join(sections), sections[0], "\n\n".join(reversed(sections))
    with Memory(embed=embed) as memory:

        def again(change: Callable[[UUID], object]) -> Callable[[], None]:
            def go() -> None:
                for _ in range(12):
                    memory_id = memory.store(long)
                    try:
                        change(memory_id)
                    except (NotFound, ContentTaken):
                        # Another call has forgotten it, or another memory already has this content.
                        continue

            return go

        everyone(
            *(again(lambda memory_id: memory.edit(memory_id, content=short)) for _ in range(2)),
            *(again(lambda memory_id: memory.edit(memory_id, content=turned)) for _ in range(2)),
            *(again(memory.forget) for _ in range(3)),
            *(again(memory.get) for _ in range(2)),
        )
    assert deadlocks() == 0


@contextmanager
def own_server(home: Path) -> Iterator[tuple[str, StoreSettings]]:
    """Starts a Postgres that a test may stop; yields its URL and settings."""
    settings = StoreSettings(postgres_db_url=None, dreams_home=home)
    yield database.start(settings), settings
    database.stop(settings)
    shutil.rmtree(settings.postgres_folder.parent, ignore_errors=True)


def test_a_postgres_that_is_started_again_is_used_again(tmp_path: Path) -> None:
    """Until then every call reports that it does not answer, and no acknowledged write is lost."""
    with own_server(tmp_path) as (url, settings), Memory(url, embed=embed) as memory:
        stored = memory.store("stored before the power cut")
        assert memory.search("power").results[0].memory.id == stored
        database.stop(settings)
        calls = [
            lambda: memory.search("power"), lambda: memory.store("stored meanwhile"), lambda: memory.get(stored),
            lambda: memory.edit(stored, content="x"), lambda: memory.forget(stored), lambda: memory.statistics(),
        ]  # fmt: skip
        with ThreadPoolExecutor(len(calls)) as pool:
            for refused in [pool.submit(call) for call in calls]:
                assert isinstance(refused.exception(60), StoreUnreachable)
        database.start(settings)
        assert eventually(lambda: answers(memory))
        assert memory.get(stored).content == "stored before the power cut"
        again = memory.store("stored after the power cut")
        assert {each.memory.id for each in memory.search("power").results} >= {again} or memory.search("after").results
        with connect(url, autocommit=True) as connection:
            recorded = "select count(*) from dreams.recall_events where memory_id = %s and kind = 'listed'"
            assert eventually(lambda: connection.execute(recorded, (stored,)).fetchone() != (0,))


def answers(memory: Memory) -> bool:
    try:
        memory.statistics()
    except StoreUnreachable:
        return False
    return True
