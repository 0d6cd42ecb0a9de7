"""Many small cycles give what one full rebuild gives; the check finds where the DuckDB file differs."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import duckdb
import psycopg
import pytest

from ingest.cycle.rebuild import compare_with_rebuild
from ingest.cycle.run import cycle_lock, run_cycle
from ingest.loading.load import load
from ingest.publishing.marts import STAGES
from ingest.settings import settings
from memories.documents.write import forget
from memories.errors import CycleInProgress, RebuildDiffers
from memories.postgres.database import connect
from memories.records import Document, Event
from tests.conftest import forget_settings

NOW = datetime.now(UTC)


def remember(*contents: str, late_by: timedelta = timedelta(0)) -> None:
    documents = [Document("test", content, content, created_at=NOW - late_by) for content in contents]
    recalled = [Event("test", f"{d.native_id} {NOW}", d.native_id, "opened", NOW) for d in documents]
    with connect(autocommit=True) as connection:
        load(connection, [*documents, *recalled])


def published(url: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select (select count(*) from dreams.cycles), (select count(*) from dreams.cycle_changes)"
        ).fetchone()


def test_small_cycles_equal_a_rebuild_until_a_carried_row_is_wrong(dreamt_url: str) -> None:
    remember("The boat's keel bolts have to be checked before the storm.", "Asked Ola about the keel bolts.")
    run_cycle("working_memory")
    remember("Ten days ago the harbour office had closed early.", late_by=timedelta(days=10))
    with connect(autocommit=True) as connection:
        row = connection.execute("select id from public.memories order by created_at limit 1").fetchone()
        assert row is not None
        forget(connection, row[0])  # type: ignore[arg-type]
    run_cycle("consolidation")

    cache, before = settings().duckdb_file, published(dreamt_url)
    held = sha256(cache.read_bytes()).digest()
    assert compare_with_rebuild() == dict.fromkeys(STAGES["long_term"], 0)
    assert published(dreamt_url) == before
    assert sha256(cache.read_bytes()).digest() == held

    with duckdb.connect(str(cache)) as connection:
        connection.execute(
            "update ltm_reviews set stability_days = 2 * stability_days"
            " where item_id = (select max(item_id) from ltm_reviews)"
        )
    with pytest.raises(RebuildDiffers, match=r"memory_states by 2\b.*dreams run --full-refresh"):
        compare_with_rebuild()
    assert published(dreamt_url) == before
    assert [path.name for path in cache.parent.glob("rebuild-*")] == []


def test_while_a_cycle_runs_nothing_is_compared(dreamt_url: str) -> None:
    with cycle_lock(dreamt_url, wait=False), pytest.raises(CycleInProgress):
        compare_with_rebuild()


def test_a_store_that_has_not_dreamt_has_nothing_to_compare(store_url: str) -> None:
    assert compare_with_rebuild() == {}


def test_a_cycle_after_the_clock_was_set_back_is_the_one_that_is_seen(dreamt_url: str) -> None:
    with psycopg.connect(dreamt_url) as connection:
        connection.execute(
            "update dreams.cycles set as_of = as_of + interval '1 day', published_at = published_at + interval '1 day'"
        )
    remember("The clock in the hall was a day ahead.")
    cycle = run_cycle()
    with psycopg.connect(dreamt_url) as connection:
        seen = connection.execute("select as_of from dreams.visible_cycle").fetchone()
        known = connection.execute(
            "select count(*) from dreams.memory_states as s inner join public.memories as m on m.id = s.memory_id"
            " where m.content like '%in the hall%'"
        ).fetchone()
    assert (seen, known) == ((cycle.as_of,), (1,))
    assert compare_with_rebuild() == dict.fromkeys(STAGES["long_term"], 0)


def test_little_memory_is_enough(dreamt_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that compared all pairs of memories would need gigabytes even for a few hundred."""
    monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", "250MB")
    forget_settings()
    try:
        differing = compare_with_rebuild()
    finally:
        forget_settings()
    assert set(differing.values()) == {0}
