"""Marts are published as differences, or whole when Postgres may hold something else."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
import pytest

from ingest.cycle.run import run_cycle
from ingest.dbt.parameters import run_parameters
from ingest.dbt.run import run_dbt
from ingest.publishing import published
from ingest.publishing.marts import MARTS
from ingest.settings import settings
from memories.documents.write import forget, store
from memories.postgres.database import Connection, connect
from memories.records import Document
from tests.conftest import new_database

EDGES = "select memory_a, memory_b, edge_type, forward_weight, backward_weight, evidence_count from {}edge_states"

AFTER_FILLING = {"edge_states_b_idx", "episode_members_episode_idx", "memory_states_concepts_idx"}
CHANGED_BY_HAND = {"memory_states": "semantic_gist = 'by hand'", "edge_states": "evidence_count = 99"}
BY_HAND = " union ".join(
    f"select exists (select 1 from dreams.{mart} where {changed})" for mart, changed in CHANGED_BY_HAND.items()
)


def shown(connection: Connection) -> set[tuple[object, ...]]:
    return set(connection.execute(EDGES.format("dreams.").encode()).fetchall())


def computed() -> set[tuple[object, ...]]:
    with duckdb.connect(str(settings().duckdb_file), read_only=True) as cache:
        return set(cache.execute(EDGES.format("")).fetchall())


def known(connection: Connection) -> set[str]:
    """The marts whose contents in Postgres the DuckDB file knows."""
    with duckdb.connect(str(settings().duckdb_file), read_only=True) as cache:
        return {name for name in MARTS if published.is_known(connection, cache, name)}


def remember(content: str) -> UUID:
    with connect(autocommit=True) as connection:
        return store(connection, Document("test", content, content, created_at=datetime.now(UTC)))


def test_large_marts_are_indexed_once_they_are_filled(
    server: str, migrated_template: str, dreamt_template: tuple[str, Path]
) -> None:
    for template, expected in ((migrated_template, set()), (dreamt_template[0], AFTER_FILLING)):
        with connect(new_database(server, template)) as connection:
            found = {
                row[0] for row in connection.execute("select indexname from pg_indexes where schemaname = 'dreams'")
            }
        assert found & AFTER_FILLING == expected


def test_what_differs_is_published_and_no_more(dreamt_url: str) -> None:
    with connect(autocommit=True) as connection:
        assert known(connection) == set(MARTS)
        before = shown(connection)
        # Comparing the whole mart would correct this row.
        connection.execute(
            "update dreams.edge_states set evidence_count = 99 where (memory_a, memory_b, edge_type) ="
            " (select memory_a, memory_b, edge_type from dreams.edge_states where edge_type = 'temporal' limit 1)"
        )
        remember("Ola checked the keel bolts of the boat in the harbour before the storm.")
        # Fewer neighbours and another rate: new edges, changed ones, some gone.
        changed = run_cycle(overrides={"semantic_neighbours": 5, "hebbian_learning_rate": 0.2}).rows_changed
        assert len({row for row in shown(connection) if row[5] == 99}) == 1
        connection.execute("delete from dreams.edge_states where evidence_count = 99")
        assert known(connection) == set(MARTS) - {"edge_states"}
        run_cycle(overrides={"semantic_neighbours": 5, "hebbian_learning_rate": 0.2})
        assert shown(connection) == computed() != before
        assert changed["edge_states"] > 100


def test_the_label_of_a_memory_in_other_hands_is_written_by_the_next_cycle(dreamt_url: str) -> None:
    in_clusters = (
        "select id, semantic_cluster is null from dreams.memory_states inner join memories on id = memory_id"
        " where cluster_id is not null order by id"
    )
    with connect(autocommit=True) as connection:
        held = connection.execute(in_clusters).fetchall()[0][0]
        connection.execute("update memories set semantic_cluster = null")
        published.drop(settings().duckdb_file)
        with connect() as holding:
            holding.execute("select from memories where id = %s for no key update", (held,))
            run_cycle()
        assert [memory_id for memory_id, waits in connection.execute(in_clusters) if waits] == [held]
        assert known(connection) == set(MARTS) - {"memory_states"}
        run_cycle()
        assert [memory_id for memory_id, waits in connection.execute(in_clusters) if waits] == []
        assert known(connection) == set(MARTS)


def test_a_full_refresh_compares_everything(dreamt_url: str) -> None:
    # A night may have passed since the store's cycle.
    run_cycle()
    with connect(autocommit=True) as connection:
        for mart in ("memory_states", "edge_states"):
            connection.execute(f"update dreams.{mart} set {CHANGED_BY_HAND[mart]}".encode())
        run_cycle()
        assert connection.execute(BY_HAND.encode()).fetchone() == (True,)
        run_cycle(full_refresh=True)
        assert connection.execute(BY_HAND.encode()).fetchone() == (False,)


@pytest.mark.parametrize("full_refresh", [False, True])
def test_whatever_dbt_made_since_the_differences_are_from_what_was_published(
    dreamt_url: str, full_refresh: bool
) -> None:
    """Edges are recomputed with other parameters, then with the old ones; or everything is rebuilt."""
    as_of = datetime.now(UTC).isoformat()
    remember("Ola painted the hull of the boat before it went back into the water.")
    for overrides in ({"semantic_neighbours": 5, "contiguity_decay": 0.4}, {"contiguity_decay": 0.4}, {}):
        variables = {**run_parameters(overrides), "as_of": as_of}
        run_dbt(
            dreamt_url, settings().duckdb_file, variables,
            select=["+edge_states"], full_refresh=full_refresh, settings=settings(),
        )  # fmt: skip
    with connect() as connection:
        assert ("edge_states" in known(connection)) is not full_refresh
    assert run_cycle().rows_changed["edge_states"] < 400
    with connect() as connection:
        assert known(connection) == set(MARTS)
        assert shown(connection) == computed()


@pytest.mark.parametrize("stage", ["working_memory", "long_term"])
def test_after_each_stage_the_next_cycle_knows_what_is_there(dreamt_url: str, stage: str) -> None:
    remember("One more thing about the boat.")
    run_cycle(stage)
    with connect() as connection:
        assert known(connection) == set(MARTS)
    run_cycle()
    with connect() as connection:
        assert shown(connection) == computed()


def test_a_cycle_stands_whose_copy_cannot_be_kept(dreamt_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    remember("Somebody opened the file in the meantime.")
    kept = published.keep

    def while_it_is_open(*arguments: object) -> None:
        command = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", command, str(settings().duckdb_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None and other.stdout.readline()
            kept(*arguments)  # type: ignore[arg-type]
            other.kill()

    monkeypatch.setattr(published, "keep", while_it_is_open)
    assert run_cycle().published
    with connect() as connection:
        assert known(connection) == set()
        assert shown(connection) == computed()


def test_a_mart_is_found_under_its_name_whatever_is_kept_of_it(tmp_path: Path) -> None:
    cache, found = tmp_path / "cache.duckdb", []

    def makes(value: int) -> None:
        with duckdb.connect(str(cache)) as source:
            source.execute("drop view if exists attention_slots")
            source.execute("create table attention_slots as select ? as snapshot_id", [value])

    def keeps() -> None:
        published.keep(cache, None, uuid4(), ["attention_slots"])

    def drops() -> None:
        published.drop(cache)

    makes(1)
    for step in (keeps, keeps, drops, drops, keeps, lambda: makes(2), drops, keeps, lambda: makes(3), keeps):
        step()
        with duckdb.connect(str(cache), read_only=True) as source:
            found.append(source.execute("select snapshot_id from attention_slots").fetchall()[0][0])
    assert found == [1, 1, 1, 1, 1, 2, 2, 2, 3, 3]


def test_rows_that_change_alike_differ_from_what_was_published(tmp_path: Path) -> None:
    mart = MARTS["attention_slots"]
    with duckdb.connect(str(tmp_path / "memory.duckdb")) as source:
        for table, count in (("attention_slots", 4), ("published_attention_slots", 3)):
            source.execute(
                f"create table {table} as select 'window' as snapshot_id, wm_slot,"
                f" timestamptz '2026-11-29 10:00:00+00' as window_start, {count} as offered_count from range(2) as r (wm_slot)"
            )
        differing, gone = published.differences(source, "attention_slots", mart.key, mart.at)
        assert source.table("attention_slots").fetchall() == source.sql(f"from {differing} order by wm_slot").fetchall()
        assert source.sql(f"from {gone}").fetchall() == []


def test_where_something_else_happened_all_is_compared(dreamt_url: str) -> None:
    with connect(autocommit=True) as connection:
        memory_id = UUID(str(next(iter(shown(connection)))[0]))
        forget(connection, memory_id)
        assert known(connection) == set()
        run_cycle()
        assert known(connection) == set(MARTS) and shown(connection) == computed()
        connection.execute(
            "insert into dreams.cycles (cycle_id, as_of, stages, state, parameters, code_version, published_at) values"
            " (%s, now(), '{}', 'published', '{}', '', now() + interval '1 second')",
            (uuid4(),),
        )
        assert known(connection) == set()
