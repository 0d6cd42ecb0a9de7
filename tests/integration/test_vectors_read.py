"""Vectors are read from Postgres once, and again where their memory's row was written."""

from uuid import UUID

import duckdb
import numpy

from ingest.cycle import run_cycle
from ingest.settings import settings
from memories.database import Connection, connect

LENGTHS = "select list_distinct(list(len(embedding))) from stg_embeddings"
TAKEN = "select memory_id, embedding_hash from stg_embeddings order by memory_id"


def cached(query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(settings().duckdb_file), read_only=True) as cache:
        return cache.execute(query).fetchall()


def point(connection: Connection, memory_id: UUID, vector: list[float]) -> None:
    connection.execute(
        "update public.memories set embedding_vector = %s::real[]::vector(768) where id = %s", (vector, memory_id)
    )


def test_a_vector_is_read_again_where_its_row_was_written(dreamt_url: str) -> None:
    # The labels of its clusters were written by the first cycle, after it had read the vectors.
    run_cycle()
    (left, _), (written, _) = cached(TAKEN)[:2]
    with duckdb.connect(str(settings().duckdb_file)) as cache:
        cache.execute("update stg_embeddings set embedding_hash = 7 where memory_id in (?, ?)", [left, written])
    with connect(autocommit=True) as connection:
        point(connection, UUID(str(written)), [1.0, *[0.0] * 767])
    run_cycle()
    found = dict(cached(TAKEN))
    assert found[left] == 7
    assert cached(f"select embedding[1] from stg_embeddings where memory_id = '{written}'") == [(1.0,)]
    assert found[written] != 7


def test_vectors_of_a_model_are_as_long_as_the_longest_of_them(dreamt_url: str) -> None:
    """What was left off at their ends is zero, whether they were read before or with it."""
    assert cached(LENGTHS) == [([384],)]
    longest = UUID(str(cached(TAKEN)[0][0]))
    with connect(autocommit=True) as connection:
        point(connection, longest, [*[0.0] * 767, 1.0])
    run_cycle()
    assert cached(LENGTHS) == [([768],)]
    carried = cached(TAKEN)
    (ends,) = cached(f"select embedding[385:] from stg_embeddings where memory_id <> '{longest}' limit 1")
    assert not numpy.any(ends[0])
    run_cycle(full_refresh=True)
    assert cached(TAKEN) == carried
