"""Codex's search takes three steps: the given threshold, a lower one, then the nearest memories."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from memories.mcp.codex_search import widened
from memories.records import Memoir, Recalled

WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)


def recalled(rank: int) -> Recalled:
    memory = Memoir(uuid4(), f"number {rank}", "", "", (), {}, WHEN, WHEN)
    return Recalled(memory, rank, 9.0 - rank, {}, None, None, memory.content, memory.id, memory.content)


@pytest.mark.parametrize(
    ("given", "scores", "expected"),
    [
        (0.7, [0.9, 0.2, 0.7], (1, 0.7, [1, 3])),
        (0.7, [0.5, 0.69, 0.2], (2, 0.42, [1, 2])),
        (0.7, [0.1, 0.2, 0.3], (3, None, [1, 2, 3])),
        (0.0, [-0.2, 0.0, 0.1], (1, 0.0, [2, 3])),
        (0.7, [None, None, None], (3, None, [1, 2, 3])),
        # Memories without a vector stay if they rank before one that reaches the threshold, and go after the last one.
        (0.7, [None, 0.3, 0.8, None], (1, 0.7, [1, 3])),
        (0.7, [], (3, None, [])),
    ],
)
def test_the_first_step_that_finds_something(
    given: float, scores: list[float | None], expected: tuple[int, float | None, list[int]]
) -> None:
    results = [recalled(rank) for rank in range(1, len(scores) + 1)]
    known: dict[UUID, float | None] = {each.passage_id: score for each, score in zip(results, scores, strict=True)}
    step, threshold, found = widened(results, known, given)
    assert (step, threshold, [each.rank for each in found]) == (expected[0], pytest.approx(expected[1]), expected[2])
