"""Implements Codex's `search_memory`: strategies, and a threshold that drops in steps until something reaches it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from memories.documents.memoir import RowPlace
from memories.mcp.arguments import SearchMemory
from memories.memory import Memory
from memories.records import Answer, Filters, Recalled, Term

# How many results are fetched for each one shown; the strategy and the threshold choose among them.
POOL = 3
# The second step's threshold, as a share of the given one.
LOWER = 0.6
# The gain in relevance of a memory of age 0, in standard deviations, and the age at which half of it is left.
RECENCY_GAIN = 1.0
RECENCY_HALF_LIFE_DAYS = 30.0


@dataclass(frozen=True, slots=True)
class CodexAnswer:
    """A search's answer with the results to show, their scores and places, and the step that found them.

    `step` is 1 when results reach the given threshold, 2 when they reach a lower one, 3 when they are only the nearest.
    """

    answer: Answer
    scores: Mapping[UUID, float | None]
    places: Mapping[UUID, RowPlace]
    step: int
    threshold: float | None


def search(memory: Memory, asked: SearchMemory) -> CodexAnswer:
    """Runs the search and records the results shown. Raises InputError as `Memory.search` does."""
    unused: list[Term] = [] if asked.use_content_embedding else ["dense"]
    weights = asked.tag_weight + asked.content_weight
    answer = memory.search(
        asked.query,
        asked.max_results * POOL,
        Filters(tags=asked.tag_filter),
        without=unused,
        tag_weight=asked.tag_weight / weights if asked.use_tag_embedding and weights else 0.0,
        record=False,
    )
    results = sorted(answer.results, key=_order(asked, datetime.now(UTC)))
    scores = {each.passage_id: _combined_score(asked, each) for each in results}
    step, threshold, chosen = widened(results, scores, asked.similarity_threshold)
    shown = [replace(each, rank=rank) for rank, each in enumerate(chosen[: asked.max_results], 1)]
    answer = replace(answer, results=shown)
    memory.listed(answer)
    return CodexAnswer(answer, scores, memory.places([each.passage_id for each in shown]), step, threshold)


def widened(
    results: Sequence[Recalled], scores: Mapping[UUID, float | None], given: float
) -> tuple[int, float | None, Sequence[Recalled]]:
    """The first of three steps that finds something: its number, its threshold and its results.

    A memory without a vector has no score: it keeps its place if a result after it reaches the threshold.
    """
    for step, threshold in ((1, given), (2, given * LOWER)):
        reaching = [(score := scores[each.passage_id]) is not None and score >= threshold for each in results]
        if any(reaching):
            last = max(place for place, reaches in enumerate(reaching) if reaches)
            kept = zip(results[: last + 1], reaching[: last + 1], strict=True)
            return step, threshold, [each for each, reaches in kept if reaches or scores[each.passage_id] is None]
    return 3, None, results


def _order(asked: SearchMemory, now: datetime) -> Callable[[Recalled], tuple[float, ...]]:
    """The sort key of a strategy, best first."""

    def key(result: Recalled) -> tuple[float, ...]:
        tags = -1.0 if result.tag_similarity is None else result.tag_similarity
        relevance = result.relevance + (_recency_gain(result, now) if asked.boost_recent else 0.0)
        if asked.search_strategy == "tag-first":
            return -tags, -relevance, result.rank
        if asked.search_strategy == "content-first":
            return -(relevance - result.terms.get("tags", 0.0)), -tags, result.rank
        return -relevance, result.rank

    return key


def _recency_gain(result: Recalled, now: datetime) -> float:
    age_days = max(0.0, (now - result.memory.updated_at).total_seconds() / 86_400)
    return float(RECENCY_GAIN * 0.5 ** (age_days / RECENCY_HALF_LIFE_DAYS))


def _combined_score(asked: SearchMemory, result: Recalled) -> float | None:
    """The weighted mean of the available similarities; None when there are none, as without a model."""
    weighted = [
        (weight, similarity)
        for is_used, weight, similarity in (
            (asked.use_tag_embedding, asked.tag_weight, result.tag_similarity),
            (asked.use_content_embedding, asked.content_weight, result.cosine_similarity),
        )
        if is_used and similarity is not None
    ]
    total = sum(weight for weight, _ in weighted)
    return sum(weight * similarity for weight, similarity in weighted) / total if total else None
