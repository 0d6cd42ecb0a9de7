"""Tests the dbt Python model wm_crowding: the mean similarity of the items in a window of attention."""

from collections.abc import Sequence
from importlib import import_module
from itertools import combinations
from typing import Any

import duckdb
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.human_memory import shipped

wm_crowding = import_module("biological_memory.models.working_memory.wm_crowding")
X, Y, Z, U, V, W = numpy.eye(6, dtype=numpy.float32)


def similarity(offered: Sequence[Any]) -> float:
    (found,) = similarities([offered])
    return found


def similarities(windows: Sequence[Sequence[Any]]) -> Sequence[float]:
    """The mean similarity of each window, in which each vector belongs to another item."""
    numbers = numpy.repeat(numpy.arange(len(windows)), [len(offered) for offered in windows])
    together = numpy.stack([vector for offered in windows for vector in offered])
    offering, found = wm_crowding.mean_similarities(numbers, numpy.arange(len(together)), together)
    assert offering.tolist() == [number for number, offered in enumerate(windows) if len(offered) > 1]
    return [float(each) for each in found]


# With n vectors along each axis the squared length of their sum is S = sum of n^2, and the mean (S - 6) / 30.
@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([X] * 6, 1),
        ([X, X, X, Y, Y, Y], 12 / 30),
        ([X, X, X, Y, Y, Z], 8 / 30),
        ([X, X, Y, Y, Z, Z], 6 / 30),
        ([X, X, Y, Y, Z, U], 4 / 30),
        ([X, Y, Z, U, V, W], 0),
        ([X, X, X, -X, -X, -X], -6 / 30),
    ],
)
def test_the_mean_of_all_pairs(offered: Sequence[Any], expected: float) -> None:
    assert similarity(offered) == pytest.approx(expected, abs=1e-9)


def test_a_window_with_one_vector_has_no_pairs() -> None:
    assert similarities([[X, X], [Y], [X, Y]]) == [1, 0]
    assert similarities([[Y]]) == []


def test_windows_larger_and_smaller_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wm_crowding, "BLOCK_ROWS", 4)
    assert similarities([[X, X], [X, Y, X, Y, X, Y, X], [Y, Y, Y], [X], [Z, U]]) == [1, pytest.approx(9 / 21), 1, 0]


@given(st.integers(0, 2**32), st.integers(2, 12))
def test_it_is_that_of_all_pairs_and_the_same_in_any_order(seed: int, count: int) -> None:
    chance = numpy.random.default_rng(seed)
    vectors = chance.normal(size=(count, 6))
    vectors = (vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)).astype(numpy.float32)
    pairs = [float(one.astype(float) @ other.astype(float)) for one, other in combinations(vectors, 2)]
    found = similarity(list(vectors))
    assert found == pytest.approx(sum(pairs) / len(pairs), abs=1e-5)
    assert similarity(list(chance.permutation(vectors))) == found


@pytest.fixture
def offered() -> duckdb.DuckDBPyConnection:
    """One window per agent; x, y and z have vectors, the same for all items of a letter."""
    connection = shipped.database()
    connection.execute(
        """
        create table wm_activations as
        select agent, timestamptz '2026-01-10 10:00:00+00' as window_start, unnest(string_split(items, ' ')) as item_id
        from (values
            ('five copies', 'x1 x2 x3 x4 x5'), ('six copies', 'x1 x2 x3 x4 x5 x6'), ('pairs', 'x1 x2 y1 y2 z1 z2'),
            ('no vectors', 'a b c d e f'), ('one vector', 'x1 b c d e f'), ('two vectors', 'x1 x2 c d e f')
        ) as offers (agent, items);
        create table stg_embeddings as
        select memory_id, 3 as dimensions, embedding, hash(embedding) as embedding_hash
        from (
            select
                axis || number as memory_id,
                -- 1.0 and 0.0, as Postgres sends them.
                unhex(array_to_string(
                    list_transform(['x', 'y', 'z'], lambda each: if(each = axis, '3C00', '0000')), ''
                )) as embedding
            from unnest(['x', 'y', 'z']) as axes (axis), range(1, 7) as numbers (number)
        )
        """
    )
    return connection


def test_crowded_windows_are_those_of_more_than_five_and_items_with_vectors_stand_for_all(
    offered: duckdb.DuckDBPyConnection,
) -> None:
    shipped.build(offered, "wm_windows", "wm_crowding")
    assert dict(offered.sql("select split_part(window_id, '/', 1), mean_cosine_similarity from wm_crowding").fetchall()) == {
        "six copies": 1, "pairs": 0.2, "no vectors": None, "one vector": None, "two vectors": 1,
    }  # fmt: skip


def test_a_window_that_loses_an_item_without_a_vector_is_told_apart(offered: duckdb.DuckDBPyConnection) -> None:
    """With five of six items left it is no longer crowded, though its vectors are the same."""
    prints = "select fingerprint from wm_windows where agent = 'two vectors'"
    shipped.build(offered, "wm_windows")
    before = offered.sql(prints).fetchone()
    offered.execute("delete from wm_activations where agent = 'two vectors' and item_id = 'f'")
    shipped.build(offered, "wm_windows")
    assert offered.sql(prints).fetchone() != before
