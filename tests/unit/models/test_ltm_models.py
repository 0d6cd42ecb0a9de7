"""Tests the Python models of long-term memory: search for similar earlier memories, communities, centroids."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import combinations
from typing import Any
from uuid import UUID

import duckdb
import numpy
import pytest

from biological_memory.vectors import in_whole_numbers

LONG_TERM = "biological_memory.models.long_term"
ltm_centroids = import_module(f"{LONG_TERM}.ltm_centroids")
ltm_communities = import_module(f"{LONG_TERM}.ltm_communities")
communities = import_module("biological_memory.communities")
ltm_nearest = import_module(f"{LONG_TERM}.ltm_nearest")
ONE_LIST = numpy.zeros((1, 16), dtype=numpy.float32)
Row = tuple[Any, ...]


def unit_vectors(count: int, dimensions: int = 16, seed: int = 1) -> Any:
    vectors = numpy.random.default_rng(seed).normal(size=(count, dimensions)).astype(numpy.float32)
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def memories(vectors: Any, missing: Any = True) -> Mapping[str, Any]:
    count = len(vectors)
    return {
        "memory_id": numpy.array([str(UUID(int=position)) for position in range(count)]),
        "fingerprint": numpy.arange(count) + 100,
        "embedding": vectors,
        "is_missing": numpy.broadcast_to(missing, count),
    }


def searched(known: Mapping[str, Any], centroids: Any, neighbours: int, threshold: float) -> Sequence[Row]:
    """The rows that the search returns, as the model writes them."""
    vectors = known["embedding"]
    lists = (vectors @ centroids[:, : vectors.shape[1]].T).argmax(axis=1)
    lists = numpy.where(known["is_missing"], ltm_nearest.NOBODY, lists)
    found = ltm_nearest.search_backwards(vectors.__getitem__, lists, centroids, neighbours, threshold)
    return [
        (
            str(known["memory_id"][position]),
            int(known["fingerprint"][position]),
            None if numpy.isnan(nearest) else float(nearest),
            [str(known["memory_id"][neighbour]) for neighbour in kept if neighbour != ltm_nearest.NOBODY],
            [float(value) for value, neighbour in zip(values, kept, strict=True) if neighbour != ltm_nearest.NOBODY],
        )
        for position, _, nearest, kept, values in zip(*found, strict=True)
    ]


def searched_one_by_one(vectors: Any, centroids: Any, neighbours: int, threshold: float) -> Sequence[Row]:
    """A plain reference for the search: all earlier memories in the probed lists."""
    likeness = in_whole_numbers(centroids) @ in_whole_numbers(vectors).T
    home = likeness.argmax(axis=0)
    probed = numpy.argsort(-likeness, axis=0, kind="stable")[: ltm_nearest.PROBED_LISTS].T
    products = vectors.astype(numpy.float64) @ vectors.astype(numpy.float64).T
    rows: list[Row] = []
    for position in range(len(vectors)):
        earlier = numpy.flatnonzero(numpy.isin(home[:position], probed[position]))
        similarities = numpy.clip(numpy.round(products[position, earlier], 9), -1, 1)
        order = numpy.lexsort((-earlier, -similarities))
        kept = [place for place in order if similarities[place] >= threshold][:neighbours]
        rows.append((
            str(UUID(int=position)),
            100 + position,
            float(similarities[order[0]]) if len(order) else None,
            [str(UUID(int=int(earlier[place]))) for place in kept],
            [float(similarities[place]) for place in kept],
        ))  # fmt: skip
    return rows


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ltm_nearest, "BLOCK_MEMORIES", 384)
    monkeypatch.setattr(ltm_nearest, "TILE", 1000)
    monkeypatch.setattr(ltm_nearest, "TILE_MEMORIES", 50)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("lists", [1, 5, 40])
def test_nearest_is_what_a_search_one_by_one_finds(lists: int) -> None:
    """Spans several blocks; with forty lists, some similar memories are in none of the eight probed."""
    vectors = unit_vectors(1500)
    centroids = unit_vectors(lists, seed=2) if lists > 1 else ONE_LIST
    found = searched(memories(vectors), centroids, neighbours=4, threshold=0.3)
    assert found == searched_one_by_one(vectors, centroids, neighbours=4, threshold=0.3)


def test_the_first_memory_and_one_with_nothing_near() -> None:
    vectors = numpy.eye(16, dtype=numpy.float32)[[0, 1, 0]]
    rows = searched(memories(vectors), ONE_LIST, neighbours=2, threshold=0.5)
    first, second, third = (str(UUID(int=position)) for position in range(3))
    assert rows == [
        (first, 100, None, [], []),
        (second, 101, 0.0, [], []),
        (third, 102, 1.0, [first], [1.0]),
    ]


def test_a_similarity_at_the_threshold_counts() -> None:
    vectors = numpy.array([[1, 0], [0.5, 0.75**0.5]], dtype=numpy.float32)
    centroid = numpy.zeros((1, 2), dtype=numpy.float32)
    at, above = (
        searched(memories(vectors), centroid, neighbours=1, threshold=threshold)[1][4]
        for threshold in (0.5, 0.500000001)
    )
    assert (at, above) == ([0.5], [])


def test_of_equally_near_memories_the_latest_are_kept() -> None:
    vectors = unit_vectors(1).repeat(100, axis=0)
    rows = searched(memories(vectors), ONE_LIST, neighbours=2, threshold=0.3)
    assert [row[3] for row in rows[2:]] == [
        [str(UUID(int=position - 1)), str(UUID(int=position - 2))] for position in range(2, 100)
    ]


def test_similarity_never_passes_one() -> None:
    """A stored vector has length 1 but for rounding, and its similarity to another becomes a confidence."""
    rows = searched(
        memories(numpy.full((2, 4), 0.5000001, dtype=numpy.float32)), numpy.zeros((1, 4), dtype=numpy.float32), 1, 0.3
    )
    assert rows[1][2] == 1.0 and rows[1][4] == [1.0]


def test_centroids_may_have_been_recorded_with_zeros_at_their_ends() -> None:
    vectors, centroids = unit_vectors(300), unit_vectors(30, seed=2)
    longer = numpy.pad(centroids, ((0, 0), (0, 16)))
    assert search_of(vectors, longer) == search_of(vectors, centroids)


def search_of(vectors: Any, centroids: Any, missing: Any = True) -> Sequence[Row]:
    rows: Sequence[Row] = searched(memories(vectors, missing), centroids, 6, 0.3)
    return rows


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("seed", range(4))
def test_an_incremental_search_finds_what_a_rebuild_finds(seed: int) -> None:
    """Holds for any split, even with many near-duplicates, among which rounding would decide."""
    random = numpy.random.default_rng(seed)
    count = 1200
    vectors = unit_vectors(40, 384, seed)[random.integers(0, 40, count)]
    vectors += random.normal(scale=1e-7, size=vectors.shape).astype(numpy.float32)
    centroids = unit_vectors(20, 384, seed + 100)
    whole = search_of(vectors, centroids)
    stop = int(random.integers(1, count))
    assert [*search_of(vectors[:stop], centroids), *search_of(vectors, centroids, numpy.arange(count) >= stop)] == whole
    for position in random.integers(0, count, 4):
        assert search_of(vectors, centroids, numpy.arange(count) == position) == [whole[position]]


def partition(members: Sequence[str], edges: Sequence[tuple[str, str, float]], resolution: float) -> Sequence[Row]:
    """A row for each member of a graph: its area, cluster, centrality and clustering."""
    place = {member: position for position, member in enumerate(members)}
    ties = numpy.array([(place[a], place[b]) for a, b, _ in edges], dtype=numpy.int64).reshape(-1, 2)
    weights = numpy.array([weight for _, _, weight in edges])
    found = ltm_communities.partition(len(members), ties, weights, resolution)
    return [
        (member, f"area:{members[area]}", f"cluster:{members[cluster]}", round(centrality, 9), round(clustering, 9))
        for member, area, cluster, centrality, clustering in zip(members, *found, strict=True)
    ]


def ids(count: int) -> list[str]:
    return [str(UUID(int=number)) for number in range(count)]


def clique(members: Sequence[str], weight: float = 0.9) -> list[tuple[str, str, float]]:
    return [(a, b, weight) for a, b in combinations(sorted(members), 2)]


def places(rows: Sequence[Row]) -> dict[str, tuple[str, str]]:
    return {memory_id: (area, cluster) for memory_id, area, cluster, _, _ in rows}


def test_two_cliques_are_two_areas_called_after_their_first_members() -> None:
    """Holds for any ids of the members and any order of the edges."""
    random = numpy.random.default_rng(3)
    for _ in range(20):
        shuffled = list(random.permutation(ids(12)))
        groups = [sorted(shuffled[:5]), sorted(shuffled[5:])]
        edges = [*clique(groups[0]), *clique(groups[1]), (*sorted((groups[0][0], groups[1][0])), 0.1)]
        random.shuffle(edges)
        found = places(partition(ids(12), edges, 0.5))
        for group in groups:
            assert {found[member] for member in group} == {(f"area:{group[0]}", f"cluster:{group[0]}")}


def test_an_area_of_eight_or_more_falls_into_clusters() -> None:
    """Two cliques tied closely enough form one area; an area of fewer than eight members is one cluster.

    Two halves with weight w of ties between them and m in all are one community up to a resolution of 2 w / m.
    """
    large, small = ids(8), ids(6)
    tied = [(a, b, 0.25) for a, b in zip(large[:4], large[4:], strict=True)]
    split = places(partition(large, [*clique(large[:4]), *clique(large[4:]), *tied], 0.12))
    assert {area for area, _ in split.values()} == {f"area:{large[0]}"}
    assert [split[member][1] for member in large] == [f"cluster:{large[0]}"] * 4 + [f"cluster:{large[4]}"] * 4
    halves = [*clique(small[:3]), *clique(small[3:]), (small[0], small[3], 0.25)]
    assert set(places(partition(small, halves, 0.06)).values()) == {(f"area:{small[0]}", f"cluster:{small[0]}")}


def test_a_large_graph_is_divided_as_a_small_one_is() -> None:
    """A large graph is divided in a separate process."""
    chance = numpy.random.default_rng(5)
    ties = numpy.unique(numpy.sort(chance.integers(0, 60, (300, 2)), axis=1), axis=0)
    ties, weights = ties[ties[:, 0] < ties[:, 1]], chance.random(300)
    graph = (60, ties, weights[: len(ties)], 2.0)
    apart, here = communities.partition_apart(*graph), communities.partition_here(*graph)
    assert len(set(here[0])) > 2
    assert [column.tolist() for column in apart] == [column.tolist() for column in here]


def test_a_memory_without_ties_is_alone() -> None:
    """Its centrality is the lowest; clustering is 0, as no neighbours are tied to each other."""
    one, two, alone = ids(3)
    rows = partition(ids(3), [(one, two, 0.5)], 0.5)
    assert places(rows)[alone] == (f"area:{alone}", f"cluster:{alone}")
    assert places(rows)[one] == places(rows)[two] == (f"area:{one}", f"cluster:{one}")
    centrality = {row[0]: row[3] for row in rows}
    assert centrality[alone] < centrality[one] == centrality[two]
    assert {row[4] for row in rows} == {0.0}
    assert partition([], [], 0.5) == []
    assert places(partition(ids(2), [], 0.5)) == {member: (f"area:{member}", f"cluster:{member}") for member in ids(2)}


def test_centrality_is_one_on_average_and_clustering_the_share_of_neighbours_that_are_tied() -> None:
    hub, *spokes = ids(4)
    star = [(hub, spoke, 0.5) for spoke in spokes]
    rows = partition(ids(4), [*star, (spokes[0], spokes[1], 0.5)], 0.5)
    assert sum(row[3] for row in rows) == pytest.approx(4, abs=1e-6)
    assert max(rows, key=lambda row: row[3])[0] == hub
    # One of the hub's three pairs of neighbours is tied, and each tied spoke's only pair; the last spoke has no pair.
    assert [row[4] for row in rows] == pytest.approx([1 / 3, 1, 1, 0])


def test_communities_of_a_large_graph_are_the_same_every_time() -> None:
    random = numpy.random.default_rng(5)
    members = ids(400)
    pairs = {tuple(sorted(random.choice(400, 2, replace=False))) for _ in range(1500)}
    edges = [(members[a], members[b], float(random.random())) for a, b in sorted(pairs)]
    rows = partition(members, edges, 0.5)
    assert rows == partition(members, edges, 0.5)
    for prefix, column in (("area:", 1), ("cluster:", 2)):
        for name in {row[column] for row in rows}:
            assert name == prefix + min(row[0] for row in rows if row[column] == name)
    area_of_cluster = {(row[2], row[1]) for row in rows}
    assert len(area_of_cluster) == len({cluster for cluster, _ in area_of_cluster})


@pytest.mark.parametrize(
    ("memory_count", "lists"), [(0, 1), (8191, 1), (8192, 256), (100_000, 1024), (1_000_000, 4096)]
)
def test_lists_grow_with_the_square_root_of_the_memories(memory_count: int, lists: int) -> None:
    assert ltm_centroids.list_count(memory_count) == lists


class Project:
    """The relations that a Python model reads, as dbt passes them."""

    def __init__(self, session: duckdb.DuckDBPyConnection) -> None:
        self.session = session

    def ref(self, name: str) -> duckdb.DuckDBPyRelation:
        return self.session.table(name)


@pytest.fixture
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            "create table stg_embeddings (memory_id uuid, embedding_model varchar, dimensions integer, embedding blob)"
        )
        connection.execute(
            "create table stg_learned_vectors (agent varchar, name varchar, version integer, position integer,"
            " embedding_model varchar, trained_on integer, vector float[])"
        )
        connection.execute("create table stg_memories (memory_id uuid, agent varchar)")
        yield connection


def embed(session: duckdb.DuckDBPyConnection, count: int, embedding_model: str = "small", agent: str = "me") -> None:
    """An agent's vectors on a circle, as Postgres sends them."""
    angles = numpy.arange(count)
    given = {  # noqa: F841 - DuckDB reads it by its name
        "angle": angles,
        "sent": numpy.array(
            [row.tobytes() for row in numpy.stack([numpy.cos(angles), numpy.sin(angles)], 1).astype(">f2")], object
        ),
    }
    session.execute("insert into stg_embeddings select uuid(), ?, 2, sent from given", [embedding_model])
    session.execute(
        "insert into stg_memories select memory_id, ? from stg_embeddings anti join stg_memories using (memory_id)",
        [agent],
    )


def learn(session: duckdb.DuckDBPyConnection) -> list[Row]:
    """Runs the model and records what it learnt, as write-back does."""
    ltm_centroids.model(Project(session), session)
    session.execute(
        "insert into stg_learned_vectors by name select * from centroid_rows as fresh where not exists ("
        " select 1 from stg_learned_vectors as known where known.agent = fresh.agent and known.name = fresh.name"
        " and known.version = fresh.version and known.position = fresh.position)"
    )
    return session.sql(
        "select embedding_model, version, count(*), any_value(trained_on) from centroid_rows group by agent, 1, 2"
        " order by agent, 1"
    ).fetchall()


def test_centroids_are_learnt_anew_when_memories_have_grown_fourfold(session: duckdb.DuckDBPyConnection) -> None:
    """Fewer than 8,192 memories count as 8,192, so their one list is kept until there are 32,768."""
    assert learn(session) == []
    embed(session, 10)
    assert learn(session) == [("small", 1, 1, 10)]
    embed(session, 32_757)
    first = session.sql("select * from centroid_rows").fetchall()
    assert learn(session) == [("small", 1, 1, 10)]
    assert session.sql("select * from centroid_rows").fetchall() == first
    embed(session, 1)
    assert learn(session) == [("small", 2, 1024, 32_768)]
    second = session.sql("select * from centroid_rows order by position").fetchall()
    embed(session, 1)
    assert learn(session) == [("small", 2, 1024, 32_768)]
    assert session.sql("select * from centroid_rows order by position").fetchall() == second


def test_each_embedding_model_has_versions_of_its_own(session: duckdb.DuckDBPyConnection) -> None:
    """Rows are keyed by name, version and position, so two models of one version would lose the second's."""
    embed(session, 3, "a")
    embed(session, 3, "b")
    assert learn(session) == learn(session) == [("a", 1, 1, 3), ("b", 2, 1, 3)]
    embed(session, 3, "before a")
    assert learn(session) == [("a", 1, 1, 3), ("b", 2, 1, 3), ("before a", 3, 1, 3)]


def test_centroids_are_unit_vectors_and_the_same_every_time(session: duckdb.DuckDBPyConnection) -> None:
    """Holds for any order in which memories are read."""
    embed(session, 400)
    found = numpy.array(ltm_centroids.train(session.table("stg_embeddings"), 2, 4, session))
    assert numpy.linalg.norm(found, axis=1) == pytest.approx(1)
    session.execute("create or replace table stg_embeddings as from stg_embeddings order by embedding")
    assert numpy.array_equal(found, ltm_centroids.train(session.table("stg_embeddings"), 2, 4, session))


def test_few_memories_have_one_list_whose_centroid_is_zero(session: duckdb.DuckDBPyConnection) -> None:
    embed(session, 2)
    learn(session)
    assert session.sql("select position, vector from centroid_rows").fetchall() == [(0, [0, 0])]


def test_each_agent_has_centroids_of_its_own(session: duckdb.DuckDBPyConnection) -> None:
    """An agent with many memories is quantised, one with few is not; neither depends on the other's count."""
    embed(session, 8192, agent="many")
    embed(session, 2, agent="few")
    assert learn(session) == learn(session) == [("small", 1, 1, 2), ("small", 1, 256, 8192)]
    many = "select * from centroid_rows where agent = 'many' order by position"
    first = session.sql(many).fetchall()
    session.execute("delete from stg_memories where agent = 'few'")
    assert learn(session) == [("small", 1, 256, 8192)]
    assert session.sql(many).fetchall() == first
