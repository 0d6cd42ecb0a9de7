"""Postgres reads what DuckDB writes out unchanged."""

import json
from collections.abc import Iterator
from uuid import UUID

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dbt.cache import install_extension
from ingest.publishing.transfer import (
    Transfer,
    columns_of,
    copy,
    written_out,
)
from memories.postgres.database import Connection, connect
from tests.conftest import new_database

# Postgres stores no text with a zero byte.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
rows = st.lists(
    st.tuples(
        texts,
        st.lists(st.uuids(), max_size=3),
        st.none() | values,
        st.none() | st.floats(0, 1),
        st.none() | st.booleans(),
    ),
    max_size=4,
)
lists_of_texts = st.lists(st.none() | st.lists(st.none() | texts, max_size=4), max_size=4)


@pytest.fixture(scope="module")
def store(server: str, migrated_template: str) -> Iterator[Connection]:
    with connect(new_database(server, migrated_template)) as connection:
        yield connection


@pytest.fixture(scope="module")
def source() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set extension_directory = ?", [str(install_extension())])
        connection.load_extension("postgres_scanner")
        yield connection


def arrived(store: Connection, source: duckdb.DuckDBPyConnection, mart: str) -> list[tuple[object, ...]]:
    """The rows of a DuckDB table after their transfer to Postgres."""
    transfer = Transfer(mart, f'"{mart}"', columns_of(source, mart), f"copied_{mart}")
    with written_out(source, [transfer]) as files, store.transaction(force_rollback=True):
        copy(store, transfer, next(files))
        return store.execute(f"select * from copied_{mart}".encode()).fetchall()


@given(rows=rows)
def test_values_of_any_type_arrive_as_they_were(
    store: Connection,
    source: duckdb.DuckDBPyConnection,
    rows: list[tuple[str, list[UUID], object, float | None, bool | None]],
) -> None:
    source.execute(
        "create or replace table memory_insights (insight_id varchar, related_memories uuid[],"
        " supporting_evidence json, confidence_score double, validated boolean)"
    )
    for insight_id, related, evidence, confidence, validated in rows:
        written = None if evidence is None else json.dumps(evidence)
        source.execute(
            "insert into memory_insights values (?, ?, ?, ?, ?)", [insight_id, related, written, confidence, validated]
        )
    assert arrived(store, source, "memory_insights") == rows


@given(lists=lists_of_texts)
def test_lists_of_texts_arrive_as_they_were(
    store: Connection, source: duckdb.DuckDBPyConnection, lists: list[list[str | None] | None]
) -> None:
    source.execute("create or replace table communities (concepts varchar[])")
    for concepts in lists:
        source.execute("insert into communities values (?)", [concepts])
    assert [row[0] for row in arrived(store, source, "communities")] == lists
