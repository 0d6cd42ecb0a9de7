"""The running context of a session, as the dbt Python model stm_context follows it."""

from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from math import sqrt
from pathlib import Path
from types import ModuleType

import duckdb
import numpy
import pytest

MODEL = Path(__file__).parents[2] / "biological_memory" / "models" / "short_term" / "stm_context.py"
EAST, NORTH, WEST = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)
DRIFT, BOUNDARY = 0.6, 0.08


@pytest.fixture(scope="module")
def stm_context() -> ModuleType:
    spec = spec_from_file_location("stm_context", MODEL)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def follow(
    stm_context: ModuleType,
    vectors: Sequence[object],
    *,
    sessions: Sequence[str] = (),
    beta: float = DRIFT,
    boundary: float = BOUNDARY,
) -> tuple[list[object], list[int]]:
    similarities, episodes = stm_context.follow_context(sessions or ["s"] * len(vectors), vectors, beta, boundary)
    return [None if numpy.isnan(each) else pytest.approx(each) for each in similarities], episodes.tolist()


def test_a_session_without_items_has_no_episodes(stm_context: ModuleType) -> None:
    assert follow(stm_context, []) == ([], [])


def test_the_first_vector_is_the_context_and_has_no_similarity_to_one(stm_context: ModuleType) -> None:
    assert follow(stm_context, [EAST, EAST]) == ([None, 1.0], [1, 1])


def test_an_unrelated_item_begins_an_episode_with_its_own_context(stm_context: ModuleType) -> None:
    similarities, episodes = follow(stm_context, [EAST, NORTH, NORTH, EAST])
    assert episodes == [1, 2, 2, 3]
    assert similarities == [None, 0.0, 1.0, 0.0]


def test_the_context_drifts_towards_each_item_and_keeps_its_length(stm_context: ModuleType) -> None:
    # Orthogonal to the context and no boundary: c = sqrt(1 - beta^2) c + beta f = (0.8, 0.6).
    similarities, episodes = follow(stm_context, [EAST, NORTH, EAST, NORTH], boundary=0.0)
    assert episodes == [1, 1, 1, 1]
    # From (0.8, 0.6), towards the east with c f = 0.8: rho = sqrt(1 - 0.36 x 0.36) - 0.48.
    rho = sqrt(1 - 0.36 * 0.36) - 0.6 * 0.8
    assert similarities == [None, 0.0, 0.8, 0.6 * rho]
    context = numpy.array([0.8 * rho + 0.6, 0.6 * rho])
    assert context @ context == pytest.approx(1)


def test_a_faster_drift_forgets_what_came_before(stm_context: ModuleType) -> None:
    slow, _ = follow(stm_context, [EAST, NORTH, EAST], beta=0.6, boundary=0.0)
    fast, _ = follow(stm_context, [EAST, NORTH, EAST], beta=0.8, boundary=0.0)
    assert (slow[2], fast[2]) == (0.8, 0.6)


@pytest.mark.parametrize(("boundary", "episodes"), [(0.59, [1, 1]), (0.6, [1, 1]), (0.61, [1, 2])])
def test_an_episode_ends_below_the_boundary_and_not_at_it(
    stm_context: ModuleType, boundary: float, episodes: list[int]
) -> None:
    assert follow(stm_context, [EAST, (0.6, 0.8)], boundary=boundary) == ([None, 0.6], episodes)


def test_what_points_away_ends_an_episode_too(stm_context: ModuleType) -> None:
    assert follow(stm_context, [EAST, WEST]) == ([None, -1.0], [1, 2])


@pytest.mark.parametrize("missing", [None, numpy.ma.masked])
def test_an_item_without_a_vector_neither_ends_an_episode_nor_moves_the_context(
    stm_context: ModuleType, missing: object
) -> None:
    similarities, episodes = follow(stm_context, [missing, EAST, missing, EAST, NORTH, missing])
    assert similarities == [None, None, None, 1.0, 0.0, None]
    assert episodes == [1, 1, 1, 1, 2, 2]


def test_without_any_vector_a_session_is_one_episode(stm_context: ModuleType) -> None:
    assert follow(stm_context, [None, None]) == ([None, None], [1, 1])


def test_each_session_has_a_context_and_numbers_of_its_own(stm_context: ModuleType) -> None:
    similarities, episodes = follow(stm_context, [EAST, NORTH, NORTH, None], sessions=["a", "a", "b", "c"])
    assert similarities == [None, 0.0, None, None]
    assert episodes == [1, 2, 1, 1]


def test_null_vectors_as_duckdb_hands_them_over(stm_context: ModuleType) -> None:
    columns = duckdb.sql(
        "select session_id, embedding::float[] as embedding from (values (1, 's', null), (2, 's', [1, 0]),"
        " (3, 's', null), (4, 's', [0, 1])) as items (position, session_id, embedding) order by position"
    ).fetchnumpy()
    similarities, episodes = stm_context.follow_context(columns["session_id"], columns["embedding"], DRIFT, BOUNDARY)
    assert numpy.isnan(similarities[[0, 1, 2]]).all()
    assert similarities[3] == 0
    assert episodes.tolist() == [1, 1, 1, 2]


def test_without_any_vector_as_duckdb_hands_them_over(stm_context: ModuleType) -> None:
    columns = duckdb.sql("select 's' as session_id, null::float[] as embedding from range(2)").fetchnumpy()
    _, episodes = stm_context.follow_context(columns["session_id"], columns["embedding"], DRIFT, BOUNDARY)
    assert episodes.tolist() == [1, 1]
