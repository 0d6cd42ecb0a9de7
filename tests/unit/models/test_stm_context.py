"""Tests the dbt Python model stm_context, the running context of a session."""

from collections.abc import Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from math import sqrt
from pathlib import Path
from types import ModuleType
from uuid import UUID

import duckdb
import numpy
import pytest

MODEL = Path(__file__).parents[3] / "biological_memory" / "models" / "short_term" / "stm_context.py"
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
    has_vector = numpy.array([vector is not None for vector in vectors], dtype=bool)
    given = numpy.array([vector or (0.0, 0.0) for vector in vectors], dtype=numpy.float32)
    similarities, episodes = stm_context.follow_context(
        sessions or ["s"] * len(vectors), has_vector, given, beta, boundary
    )
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
    # From (0.8, 0.6) towards the east, with c f = 0.8: rho = sqrt(1 - 0.36 x 0.36) - 0.48.
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


def test_an_item_without_a_vector_neither_ends_an_episode_nor_moves_the_context(stm_context: ModuleType) -> None:
    similarities, episodes = follow(stm_context, [None, EAST, None, EAST, NORTH, None])
    assert similarities == [None, None, None, 1.0, 0.0, None]
    assert episodes == [1, 1, 1, 1, 2, 2]


def test_without_any_vector_a_session_is_one_episode(stm_context: ModuleType) -> None:
    assert follow(stm_context, [None, None]) == ([None, None], [1, 1])


def test_each_session_has_a_context_and_numbers_of_its_own(stm_context: ModuleType) -> None:
    similarities, episodes = follow(stm_context, [EAST, NORTH, NORTH, None], sessions=["a", "a", "b", "c"])
    assert similarities == [None, 0.0, None, None]
    assert episodes == [1, 2, 1, 1]


class Project:
    """The relations that the model reads, as dbt passes them, and its parameters."""

    config: Mapping[str, float] = {"context_drift_rate": DRIFT, "episode_boundary_similarity": BOUNDARY}
    this = "stm_context"

    def __init__(self, session: duckdb.DuckDBPyConnection, is_incremental: bool = False) -> None:
        self.session = session
        self.is_incremental = is_incremental

    def ref(self, name: str) -> duckdb.DuckDBPyRelation:
        return self.session.table(name)


def fill(session: duckdb.DuckDBPyConnection, vectors: Sequence[Sequence[float] | None], part_items: int = 64) -> None:
    """Creates one session of items with these vectors, in parts of `part_items`."""
    session.execute(
        "create table stm_sessions (session_id varchar, session_position integer, session_part integer, item_id uuid)"
    )
    session.execute("create table stg_embeddings (memory_id uuid, dimensions integer, embedding blob)")
    for place, vector in enumerate(vectors):
        item_id = str(UUID(int=place))
        session.execute("insert into stm_sessions values ('s', ?, ?, ?)", [place + 1, place // part_items, item_id])
        if vector is not None:
            sent = numpy.array(vector, dtype=">f2").tobytes()
            session.execute("insert into stg_embeddings values (?, ?, ?)", [item_id, len(vector), sent])
    session.execute(
        "create table stm_context_inputs as"
        " select distinct session_id, session_part, 'print' as fingerprint from stm_sessions"
    )


@pytest.mark.parametrize("vectors", [[None, [1, 0], None, [0, 1]], [None, [1, 0, 0, 0], None, [0, 1]], [None] * 4])
def test_vectors_as_duckdb_hands_them_over(stm_context: ModuleType, vectors: Sequence[Sequence[int] | None]) -> None:
    """Some items have no vector, and some vectors are another model's."""
    ids = [UUID(int=number) for number in range(len(vectors))]
    with duckdb.connect() as session:
        fill(session, vectors)
        rows = stm_context.model(Project(session), session).order("item_id").fetchall()
    split = vectors[3] is not None
    before, after = [None, *ids[:3]], [*ids[1:], None]
    places = [(1, 1, None), (1, 2, None), (1, 3, None), (2, 1, 0.0) if split else (1, 4, None)]
    assert [row[1:] for row in rows] == [
        ("s", 0, "print", *place, previous, following)
        for place, previous, following in zip(places, before, after, strict=True)
    ]


@pytest.mark.parametrize("longest_together", [3, 500])
@pytest.mark.parametrize("part_items", [1, 4])
def test_what_is_added_to_a_session_follows_from_the_episode_it_goes_on_with(
    stm_context: ModuleType, monkeypatch: pytest.MonkeyPatch, part_items: int, longest_together: int
) -> None:
    """Equals, to the last bit, following the whole session."""
    chance = numpy.random.default_rng(7)
    directions = chance.standard_normal((30, 5))
    directions /= numpy.linalg.norm(directions, axis=1, keepdims=True)
    vectors = [None if place % 7 == 0 else direction.tolist() for place, direction in enumerate(directions)]
    with duckdb.connect() as session:
        fill(session, vectors, part_items)
        whole = stm_context.model(Project(session), session).order("item_id").fetchall()
        assert 3 < max(row[4] for row in whole) < 25
        monkeypatch.setattr(stm_context, "LONGEST_TOGETHER", longest_together)
        for known_parts in range(1, len(vectors) // part_items):
            stm_context.model(Project(session), session).create("stm_context")
            session.execute("delete from stm_context where session_part >= ?", [known_parts])
            added = stm_context.model(Project(session, is_incremental=True), session).order("item_id").fetchall()
            assert added == whole[known_parts * part_items :]
            session.execute("drop table stm_context")
