"""The Python models of long-term memory: the search for near earlier memories, communities, and centroids."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any
from uuid import UUID

import numpy
import pytest

from biological_memory.models.long_term import ltm_centroids, ltm_communities, ltm_nearest

ONE_LIST = numpy.zeros((1, 16), dtype=numpy.float32)
Row = tuple[Any, ...]


def unit_vectors(count: int, dimensions: int = 16, seed: int = 1) -> Any:
    vectors = numpy.random.default_rng(seed).normal(size=(count, dimensions)).astype(numpy.float32)
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def memories(vectors: Any, missing: Any = True) -> Mapping[str, Any]:
    count = len(vectors)
    return {
        "memory_id": numpy.array([str(UUID(int=position)) for position in range(count)]),
        "fingerprint": numpy.array([f"print {position}" for position in range(count)]),
        "embedding": list(vectors),
        "is_missing": numpy.broadcast_to(missing, count),
    }


def searched_one_by_one(vectors: Any, centroids: Any, neighbours: int, threshold: float) -> Sequence[Row]:
    """What the search promises, said plainly: all pairs, of those in the lists probed."""
    likeness = centroids @ vectors.T
    home = likeness.argmax(axis=0)
    probed = numpy.argsort(-likeness, axis=0, kind="stable")[: ltm_nearest.PROBED_LISTS].T
    rows: list[Row] = []
    for position, own in enumerate(vectors.astype(numpy.float64)):
        earlier = [other for other in range(position) if home[other] in probed[position]]
        similarities = {other: round(float(own @ vectors[other].astype(numpy.float64)), 9) for other in earlier}
        nearest = sorted(earlier, key=lambda other: (-similarities[other], -other))  # noqa: B023 - used at once
        kept = [other for other in nearest if similarities[other] >= threshold][:neighbours]
        rows.append((
            str(UUID(int=position)),
            f"print {position}",
            similarities[nearest[0]] if nearest else None,
            [str(UUID(int=other)) for other in kept],
            [similarities[other] for other in kept],
        ))  # fmt: skip
    return rows


@pytest.mark.parametrize("lists", [1, 5, 40])
def test_nearest_is_what_a_search_one_by_one_finds(lists: int) -> None:
    """Over several batches; with forty lists some near memories lie in none of the sixteen probed."""
    vectors = unit_vectors(ltm_nearest.BATCH_MEMORIES + 500)
    centroids = unit_vectors(lists, seed=2) if lists > 1 else ONE_LIST
    found = ltm_nearest.search_backwards(memories(vectors), centroids, neighbours=4, threshold=0.3)
    assert found == searched_one_by_one(vectors, centroids, neighbours=4, threshold=0.3)


def test_the_first_memory_and_one_with_nothing_near() -> None:
    vectors = numpy.eye(16, dtype=numpy.float32)[[0, 1, 0]]
    rows = ltm_nearest.search_backwards(memories(vectors), ONE_LIST, neighbours=2, threshold=0.5)
    first, second, third = (str(UUID(int=position)) for position in range(3))
    assert rows == [
        (first, "print 0", None, [], []),
        (second, "print 1", 0.0, [], []),
        (third, "print 2", 1.0, [first], [1.0]),
    ]


def test_a_similarity_at_the_threshold_counts() -> None:
    vectors = numpy.array([[1, 0], [0.5, 0.75**0.5]], dtype=numpy.float32)
    centroid = numpy.zeros((1, 2), dtype=numpy.float32)
    at, above = (
        ltm_nearest.search_backwards(memories(vectors), centroid, neighbours=1, threshold=threshold)[1][4]
        for threshold in (0.5, 0.500000001)
    )
    assert (at, above) == ([0.5], [])


def test_of_equally_near_memories_the_latest_are_kept() -> None:
    vectors = unit_vectors(1).repeat(6, axis=0)
    rows = ltm_nearest.search_backwards(memories(vectors), ONE_LIST, neighbours=2, threshold=0.3)
    assert [row[3] for row in rows[2:]] == [
        [str(UUID(int=position - 1)), str(UUID(int=position - 2))] for position in range(2, 6)
    ]


def test_similarity_never_passes_one() -> None:
    """The length of a stored vector is 1 but for rounding; confidence is read off its similarity to another."""
    rows = ltm_nearest.search_backwards(
        memories(numpy.full((2, 4), 0.5000001, dtype=numpy.float32)), numpy.zeros((1, 4), dtype=numpy.float32), 1, 0.3
    )
    assert rows[1][2] == 1.0 and rows[1][4] == [1.0]


@pytest.mark.parametrize("seed", range(8))
def test_an_incremental_search_finds_what_a_rebuild_finds(seed: int) -> None:
    """For any split, with crowds of near-duplicates among which the last digits decide."""
    random = numpy.random.default_rng(seed)
    count = int(random.integers(300, ltm_nearest.BATCH_MEMORIES + 300))
    vectors = unit_vectors(40, 64, seed)[random.integers(0, 40, count)]
    vectors += random.normal(scale=1e-8, size=vectors.shape).astype(numpy.float32)
    centroids = unit_vectors(20, 64, seed + 100)
    whole = ltm_nearest.search_backwards(memories(vectors), centroids, neighbours=6, threshold=0.3)
    stop = int(random.integers(1, count))
    before = ltm_nearest.search_backwards(memories(vectors[:stop]), centroids, neighbours=6, threshold=0.3)
    missing = numpy.arange(count) >= stop
    after = ltm_nearest.search_backwards(memories(vectors, missing), centroids, neighbours=6, threshold=0.3)
    assert before + after == whole
    scattered = random.random(count) < 0.05
    again = ltm_nearest.search_backwards(memories(vectors, scattered), centroids, neighbours=6, threshold=0.3)
    assert again == [row for row, wanted in zip(whole, scattered, strict=True) if wanted]
