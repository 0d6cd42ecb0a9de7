"""A store of any earlier version upgrades without loss, and this version works on it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from ingest.cycle.run import run_cycle
from memories.memory import Memory
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import migrate
from tests.codex import CODEX_2_TABLE, CODEX_2_UPSERT, values
from tests.conftest import OWN, carried_to, forget_settings, new_database, use
from tests.copies import KEPT_IDS, STATISTICS, files_with, places
from tests.earlier import GONE, LATER, VERSIONS, can_delete, columns_of, fill, forget, id_of, ids_with, live
from tests.embedders import embed
from tests.marts import marts

EARLIER = VERSIONS[:-1]
# The first version with cycles, one in between, and the last.
DREAMT = ["0006_views.sql", "0010_mention_edges.sql", EARLIER[-1]]
# These keep a transcript from bringing back what was forgotten.
RECALLED_IDS = {"dreams.recalled_texts.memory_id", "dreams.recalled_texts.document_id"}
# Documented changes by migrations. 0011: what records of episodes say about members. 0028: the agent of concepts.
# 0038: the words of searches have a table of their own.
CHANGED: Mapping[tuple[str, str], str] = {
    ("dreams.recall_events", "details"): "nullif(details - 'query', '{}')",
    ("dreams.cycle_changes", "before"): "case relation when 'episodes' then"
    " before - '{topics,projects,places,people}'::text[]"
    " when 'semantic_network' then before || '{\"agent\": \"default\"}' else before end",
    ("dreams.cycle_changes", "row_key"): "case when relation = 'semantic_network' and row_key <> '{}'"
    ' then row_key || \'{"agent": "default"}\' else row_key end',
}
# The rows that migrations keep. 0016 deletes annotations of contents that no memory or version has any more.
SAID = "content_hash in (select content_hash from memories union select content_hash from dreams.memory_versions)"
KEPT: Mapping[str, str] = {"dreams.annotations": SAID, "dreams.annotation_quarantine": SAID}
WITHOUT_BEGINNING = """
select id from memories where id not in (select memory_id from dreams.recall_events where kind = 'created')
"""


class Dreamt(NamedTuple):
    """A store of this version with the same history as the earlier ones, after a cycle; and its marts in the end."""

    url: str
    cache: Path
    in_the_end: Mapping[str, object]


@pytest.fixture(scope="module")
def dreamt(server: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Dreamt:
    cache = Path(os.environ["DUCKDB_PATH"])
    with pytest.MonkeyPatch.context() as patch:
        use(new_database(server, migrated_template, OWN), cache, patch)
        with connect(autocommit=True) as connection:
            live(connection)
        run_cycle()
        url = new_database(server, OWN, "earlier")
        kept = carried_to(tmp_path_factory.mktemp("earlier") / cache.name, cache)
        with connect(autocommit=True) as connection:
            forget(connection, GONE)
            forget(connection, LATER)
        run_cycle()
        in_the_end = marts()
    forget_settings()
    for file in cache.parent.glob(f"{cache.name}*"):
        file.unlink()
    return Dreamt(url, kept, in_the_end)


@pytest.mark.parametrize("version", EARLIER)
def test_nothing_is_lost_or_changed_and_everything_is_found(version: str, empty_url: str, dreamt: Dreamt) -> None:
    fill(empty_url, version, dreamt.url)
    later = VERSIONS[VERSIONS.index(version) + 1 :]
    with connect(autocommit=True) as connection:
        assert empty(connection) == (set() if can_delete(connection) else {"dreams.tombstones"})
        keep(connection)
        assert migrate() == later
        assert differing(connection) == {"dreams.migrations": (0, len(later))}
        assert migrate() == []
        assert differing(connection) == {"dreams.migrations": (0, len(later))}
        assert connection.execute(WITHOUT_BEGINNING).fetchall() == []
    with Memory(embed=embed) as memory:
        query = "she moved to Lisbon."
        for found in (memory.search(query, words_only=True), memory.search(query, without=["lexical"])):
            assert found.results[0].memory.id == id_of("5")


@pytest.mark.parametrize("version", DREAMT)
def test_it_dreams_and_forgets_as_if_it_had_always_been_of_this_version(
    version: str, empty_url: str, duckdb_file: Path, dreamt: Dreamt
) -> None:
    fill(empty_url, version, dreamt.url)
    leave_cache(duckdb_file, dreamt.cache)
    migrate()
    with connect(autocommit=True) as connection:
        assert len(places(connection, LATER)) > 20
        forget(connection, LATER)
        assert run_cycle().published
        assert marts() == dreamt.in_the_end
        assert places(connection, GONE, LATER) == set()
        # Ids are no words: statistics may hold samples of them until the server samples again.
        held = {
            place for place in places(connection, *ids_with(GONE), *ids_with(LATER)) if not place.startswith(STATISTICS)
        }
        assert held <= KEPT_IDS - {"dreams.forgotten.memory_id"} | RECALLED_IDS
    assert files_with(GONE, LATER) == []


def test_a_table_that_codex_filled_is_dreamt_of_as_it_is(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_URL", "http://127.0.0.1:9")
    with connect(autocommit=True) as connection:
        connection.execute(CODEX_2_TABLE)
        for context in ("here", "there", "nowhere"):
            connection.execute(CODEX_2_UPSERT, values("The tide turns at noon.", context))
        connection.execute(
            "update memories set tags = null, metadata = null, created_at = null, updated_at = null"
            " where context = 'nowhere'"
        )
        keep(connection)
        migrate()
        assert run_cycle().published
        assert differing(connection) == {}
        assert connection.execute("select count(*) from dreams.long_term_memories").fetchone() == (3,)


def leave_cache(file: Path, cache: Path) -> None:
    """Leaves a DuckDB file of earlier models, which had computed something else."""
    carried_to(file, cache)
    file.with_name(f"{file.name}.version").write_text("0.1.0+earlier")
    with duckdb.connect(str(file)) as connection:
        connection.execute("update ltm_reviews set stability_days = 2 * stability_days")


def tables(connection: Connection) -> list[str]:
    rows = connection.execute(
        "select schemaname || '.' || tablename from pg_tables where schemaname in ('public', 'dreams')"
    )
    return [str(name) for (name,) in rows]


def empty(connection: Connection) -> set[str]:
    return {table for table in tables(connection) if not connection.execute(f"table {table} limit 1".encode()).rowcount}


def keep(connection: Connection) -> None:
    """Copies every table to schema `before`, to compare with."""
    connection.execute("create schema before")
    for table in tables(connection):
        connection.execute(f'create table before."{table}" as table {table}'.encode())


def differing(connection: Connection) -> dict[str, object]:
    """By table, how many rows are gone or changed since they were copied, and how many are new."""
    kept = connection.execute("select tablename from pg_tables where schemaname = 'before'").fetchall()
    counts = {table: differences(connection, table) for (table,) in kept}
    return {table: found for table, found in counts.items() if found != (0, 0)}


def differences(connection: Connection, table: str) -> object:
    """Compares the columns that the table had then."""
    columns = [CHANGED.get((table, column), column) for column in columns_of(connection, f'before."{table}"')]
    then, now = (f"select {', '.join(columns)} from {name}" for name in (f'before."{table}"', table))
    then += f" where {KEPT.get(table, 'true')}"
    return connection.execute(
        f"select (select count(*) from ({then} except all {now}) as gone),"
        f" (select count(*) from ({now} except all {then}) as new)".encode()
    ).fetchone()
