"""The fingerprint of rows changes when any row does, so that results are recomputed."""

from pathlib import Path

import duckdb
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

BIOLOGICAL_MEMORY = Path(__file__).resolve().parents[3] / "biological_memory"
MACRO = (BIOLOGICAL_MEMORY / "macros" / "rows_hash.sql").read_text(encoding="utf-8")
# The key of each row, and its value before and after: few values, so that rows often change alike.
values = st.integers(0, 1)
changes = st.lists(st.tuples(st.integers(0, 9), values, values), max_size=6, unique_by=lambda change: change[0])


@pytest.fixture(scope="module")
def duckdb_connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def fingerprint(connection: duckdb.DuckDBPyConnection, rows: list[tuple[int, int]]) -> object:
    rows_hash = jinja2.Template(MACRO).module.rows_hash("key, value")  # type: ignore[attr-defined]
    keys, values = [key for key, _ in rows], [value for _, value in rows]
    return connection.execute(
        f"select {rows_hash} from (select unnest(?::integer[]) as key, unnest(?::integer[]) as value)",
        [keys, values],
    ).fetchone()


@given(changes=changes)
def test_changed_rows_have_another_fingerprint(
    duckdb_connection: duckdb.DuckDBPyConnection, changes: list[tuple[int, int, int]]
) -> None:
    before, after = [(key, value) for key, value, _ in changes], [(key, value) for key, _, value in changes]
    is_same = fingerprint(duckdb_connection, before) == fingerprint(duckdb_connection, after)
    assert is_same == (before == after)


def test_no_model_has_a_way_of_its_own() -> None:
    models = list((BIOLOGICAL_MEMORY / "models").rglob("*.sql"))
    assert len(models) > 50
    of_their_own = [path.name for path in models if "bit_xor(hash" in path.read_text(encoding="utf-8")]
    assert of_their_own == []
