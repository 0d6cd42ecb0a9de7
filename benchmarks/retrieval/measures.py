"""Measures of a ranking against the documents that answer a question, and their intervals."""

import random
from collections.abc import Callable, Mapping, Sequence
from math import log2

from benchmarks.retrieval.sets import LabelledQuestion

RESAMPLES = 1_000


def recall_at(k: int) -> Callable[[Sequence[str], LabelledQuestion], float]:
    return lambda found, asked: len(asked.evidence.intersection(found[:k])) / len(asked.evidence)


def any_at(k: int) -> Callable[[Sequence[str], LabelledQuestion], float]:
    return lambda found, asked: float(bool(asked.evidence.intersection(found[:k])))


def all_at(k: int) -> Callable[[Sequence[str], LabelledQuestion], float]:
    return lambda found, asked: float(asked.evidence <= set(found[:k]))


def ndcg_at(k: int) -> Callable[[Sequence[str], LabelledQuestion], float]:
    """The normalised discounted cumulative gain, with binary gain."""

    def measure(found: Sequence[str], asked: LabelledQuestion) -> float:
        gained = sum(1 / log2(place + 2) for place, document in enumerate(found[:k]) if document in asked.evidence)
        return gained / sum(1 / log2(place + 2) for place in range(min(k, len(asked.evidence))))

    return measure


MEASURES: Mapping[str, Callable[[Sequence[str], LabelledQuestion], float]] = {
    "R@5": recall_at(5),
    "R@10": recall_at(10),
    "R@50": recall_at(50),
    "any@10": any_at(10),
    "all@10": all_at(10),
    "nDCG@10": ndcg_at(10),
}

# The measures by which weights are fitted and the whole is compared with its parts.
JUDGED_BY = ("R@5", "R@10", "nDCG@10")


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean (Efron 1979), with a fixed seed."""
    chance = random.Random(1)
    means = sorted(sum(chance.choices(values, k=len(values))) / len(values) for _ in range(RESAMPLES))
    return means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975)]
