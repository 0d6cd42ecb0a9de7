"""Dates from year 1 to 9999 work everywhere, in every zone; dates that only Postgres supports break nothing."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.cycle.rebuild import compare_with_rebuild
from ingest.cycle.run import run_cycle
from ingest.health import checks
from ingest.publishing.marts import STAGES
from memories.documents.export import export
from memories.memory import Memory
from memories.postgres.database import connect
from memories.recall.search import RETRIEVABILITY
from memories.records import Filters
from memories.views.monitor import readings
from memories.views.overview import context, findings, statistics
from memories.views.queries import queries, run_query
from memories.views.reasons import explanation_lines
from tests.conftest import OWN, carried_to, forget_settings, new_database, use
from tests.embedders import WordEmbedder

FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
DATES = [
    FIRST,
    datetime(1666, 9, 5, 9, tzinfo=UTC),
    datetime(1969, 7, 20, 20, 17, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
]
DAYS = [at + timedelta(seconds=second) for at in DATES for second in (0, 30)] + [LAST, LAST - timedelta(minutes=1)]
POSTGRES_ALONE = [
    ("-infinity", "infinity"),
    ("0044-03-15 BC", "0043-01-01 BC"),
    ("infinity", "-infinity"),
    ("20000-01-01", "4713-01-01 BC"),
]
WEST, EAST = "America/Adak", "Pacific/Kiritimati"
ZONES = ["Asia/Tokyo", EAST, WEST, "Asia/Kathmandu", "Etc/GMT+12"]
ARGUMENTS = {"about": {"topic": "fire"}, "path": {"from": "fire", "to": "bridge"}}
VIEWS = "select table_name from information_schema.tables where table_schema = 'dreams' order by 1"


@pytest.fixture(scope="module")
def aged(server: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A database with memories of all times, after a cycle in a zone far west, where dates can be a day behind."""
    cache = Path(os.environ["DUCKDB_PATH"])
    with pytest.MonkeyPatch.context() as patch:
        use(new_database(server, migrated_template, OWN), cache, patch)
        patch.setenv("OLLAMA_URL", "http://127.0.0.1:9")
        forget_settings()
        with Memory(embed=WordEmbedder()) as memory:
            for at in DAYS:
                memory.store(
                    f"The great fire near London Bridge, seen at {at.isoformat()}",
                    tags=["fire", "bridge"],
                    created_at=at,
                )
        with connect() as connection:
            for created, updated in POSTGRES_ALONE:
                connection.execute(
                    "insert into memories (content, content_hash, context, summary, tags, created_at, updated_at)"
                    " values (%(text)s, md5(%(text)s), '', '', '{kept}', %(created)s, %(updated)s)",
                    {"text": f"A bridge over the Rubicon {created}", "created": created, "updated": updated},
                )
        assert run_cycle(overrides={"timezone": WEST}).published
        new_database(server, OWN, "aged")
        kept = carried_to(tmp_path_factory.mktemp("aged") / cache.name, cache)
    forget_settings()
    return "aged", kept


@pytest.fixture
def store(server: str, aged: tuple[str, Path], duckdb_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of `aged` and its DuckDB file; the settings point to them."""
    monkeypatch.setenv("OLLAMA_URL", "http://127.0.0.1:9")
    use(new_database(server, aged[0], OWN), carried_to(duckdb_file, aged[1]), monkeypatch)
    yield duckdb_file
    forget_settings()


@pytest.mark.parametrize("zone", ZONES)
def test_whatever_zone_the_environment_names_all_of_it_can_be_read(
    store: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", zone)
    monkeypatch.setenv("PGDATESTYLE", "German")
    with connect() as connection:
        for (view,) in connection.execute(VIEWS).fetchall():
            connection.execute(f"select * from dreams.{view}".encode()).fetchall()
        for name in queries():
            run_query(connection, name, ARGUMENTS.get(name, {}))
        run_query(connection, "day", {"day": "0001-01-01"})
        run_query(connection, "day", {"day": "9999-12-31"})
        assert list(findings(connection)) and statistics(connection) and readings(connection) and context(connection)
        lines = [json.loads(line) for line in export(connection)]
    exported = {datetime.fromisoformat(line["created_at"]) for line in lines if "content" in line}
    assert exported == {*DAYS, FIRST, LAST}
    assert all(check.ok for check in checks() if check.part != "embeddings")
    with Memory(embed=WordEmbedder()) as memory:
        found = memory.search("fire bridge", 50, words_only=True, record=False).results
        assert {each.memory.created_at for each in found} <= {*DAYS, FIRST, LAST}
        assert len(found) >= 4
        assert memory.search("fire", 50, as_of=FIRST, words_only=True).results
        past = Filters(created_from=FIRST, created_until=datetime(1700, 1, 1, tzinfo=UTC))
        assert {each.memory.created_at.year for each in memory.search("fire", 50, past, words_only=True).results} <= {
            1,
            1666,
        }
        for each in found:
            assert list(explanation_lines(memory.why(each.memory.id, "fire bridge")))


def test_what_is_left_of_a_weight_of_long_ago_is_nothing(store: Path) -> None:
    with connect() as connection:
        weights = connection.execute(
            "select extract(year from first_at)::integer, weight from dreams.memory_edges where edge_type = 'hebbian'"
        ).fetchall()
        of_states = connection.execute(
            "select extract(year from created_at)::integer, max(association_score) from dreams.long_term_memories group by 1"
        ).fetchall()
    assert {year for year, _ in weights} >= {1, 1666, 1969, 2026}
    for year, weight in (*weights, *of_states):
        # What reminds of it today gives it a trace.
        assert weight > 0 if year == 2026 else weight < 1e-6, year


def test_a_clock_in_the_east_and_a_rebuild_lead_to_the_same(store: Path) -> None:
    run_cycle(overrides={"timezone": EAST})
    assert compare_with_rebuild() == dict.fromkeys(STAGES["long_term"], 0)


def test_a_search_remembers_by_the_curve_of_the_cycle(store: Path) -> None:
    """The cycle's decay may be fitted to a person."""
    with connect() as connection:
        connection.execute("update dreams.cycles set parameters = parameters || '{\"fsrs_decay\": 0.4}'")
        states = connection.execute(
            "select memory_id, retrievability, as_of from dreams.long_term_memories where created_at > '1900-01-01'"
        ).fetchall()
    with Memory(embed=WordEmbedder()) as memory:
        found = memory.search("fire bridge", 50, as_of=states[0][2], words_only=True).results  # type: ignore[arg-type]
        shares = {each.memory.id: each.terms["retrievability"] for each in found}
        assert len(shares) >= 2
        for memory_id, retrievability, _ in states:
            if memory_id in shares:
                assert shares[memory_id] == pytest.approx(RETRIEVABILITY * float(str(retrievability)))  # type: ignore[index]


def test_a_zone_that_nobody_knows_leaves_a_store_readable_and_unwell(store: Path) -> None:
    with connect() as connection:
        connection.execute('update dreams.cycles set parameters = parameters || \'{"timezone": "Nowhere/City"}\'')
        for name in queries():
            run_query(connection, name, ARGUMENTS.get(name, {}))
    with Memory(embed=WordEmbedder()) as memory:
        assert memory.search("fire", words_only=True).results
    (clock,) = [check for check in checks() if check.part == "clock"]
    assert not clock.ok
    assert "'Nowhere/City'" in clock.detail
