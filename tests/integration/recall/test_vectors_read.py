"""Vectors are read from Postgres once, and again only when they change."""

from uuid import UUID

import duckdb
import numpy
import pytest

from ingest.cycle.run import run_cycle
from ingest.settings import settings
from memories.postgres.database import Connection, connect

TAKEN = "select memory_id, embedding_hash from stg_embeddings order by memory_id"
NEAREST = "select memory_id, neighbour_ids, similarities from ltm_nearest order by memory_id"


def cached(query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(settings().duckdb_file), read_only=True) as cache:
        return cache.execute(query).fetchall()


def point(connection: Connection, memory_id: UUID, vector: list[float]) -> None:
    connection.execute(
        "update public.memories set embedding_vector = %s::real[]::vector(768) where id = %s", (vector, memory_id)
    )


def test_a_vector_is_read_again_where_another_was_written(dreamt_url: str) -> None:
    """A change to the rest of its row does not count: the first cycle wrote its clusters' labels there."""
    with connect(autocommit=True) as connection:
        assert connection.execute(
            "select count(*) from public.memories inner join dreams.memory_states on memory_id = id"
            " where semantic_cluster is null and cluster_id is not null"
        ).fetchone() == (0,)
        (left, _), (written, _) = cached(TAKEN)[:2]
        with duckdb.connect(str(settings().duckdb_file)) as cache:
            cache.execute("update stg_embeddings set embedding_hash = 7 where memory_id in (?, ?)", [left, written])
        point(connection, UUID(str(written)), [1.0, *[0.0] * 767])
    run_cycle()
    found = dict(cached(TAKEN))
    assert found[left] == 7
    ((sent,),) = cached(f"select embedding from stg_embeddings where memory_id = '{written}'")
    assert isinstance(sent, bytes)
    assert numpy.frombuffer(sent, dtype=">f2").tolist() == [1.0, *[0.0] * 383]
    assert found[written] != 7


def test_vectors_of_two_lengths_are_compared(dreamt_url: str) -> None:
    """The second half of most vectors is zero and omitted; one has a value there."""
    assert cached("select distinct dimensions from stg_embeddings") == [(384,)]
    longest, shorter = (UUID(str(memory_id)) for memory_id, _ in cached(TAKEN)[-2:])
    with connect(autocommit=True) as connection:
        point(connection, shorter, [1.0, *[0.0] * 767])
        point(connection, longest, [0.6, *[0.0] * 766, 0.8])
    run_cycle()
    assert sorted(cached("select distinct dimensions from stg_embeddings")) == [(384,), (768,)]
    carried = cached(TAKEN), cached(NEAREST)
    similarities = {
        frozenset((memory_id, neighbour)): similarity
        for memory_id, neighbours, found in carried[1]
        for neighbour, similarity in zip(neighbours, found, strict=True)  # type: ignore[call-overload]
    }
    assert similarities[frozenset((longest, shorter))] == pytest.approx(float(numpy.float16(0.6)))
    run_cycle(full_refresh=True)
    assert (cached(TAKEN), cached(NEAREST)) == carried
