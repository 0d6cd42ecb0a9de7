"""Fits the model of a search's confidence, and measures how well it is calibrated.

Half of the questions are about the life that is searched, half about another; each set counts alike, and so does each
half. A question counts as answered when one of the first five results is evidence.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.retrieval.sets import Collected, LabelledQuestion
from memories.recall.confidence import Logistic
from memories.records import Signs

BINS = 10
RIDGE = 1e-3
Floats = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """The signs of a search, whether it found the answer, and whether the question is about the life searched."""

    signs: Signs
    is_answered: bool
    is_own: bool


def foreign(sets: Mapping[str, Sequence[Collected]], asked: Collected) -> Sequence[LabelledQuestion]:
    """As many questions about others as the collection has of its own: half about its likes, if it has any."""
    chance = random.Random(asked.name)
    alike = next(collections for collections in sets.values() if asked in collections)
    near = [question for other in alike if other is not asked for question in other.questions]
    far = [
        question for others in sets.values() if others is not alike for other in others for question in other.questions
    ]
    wanted = len(asked.questions)
    chosen = chance.sample(near, min(wanted // 2, len(near)))
    return chosen + chance.sample(far, min(wanted - len(chosen), len(far)))


def figures(judged: Sequence[Judged]) -> Floats:
    """The signs as numbers (questions, signs), 0 for an unknown one."""
    return numpy.array([[value or 0.0 for value in astuple(each.signs)] for each in judged], dtype=float)


def weights(judged: Sequence[Judged]) -> Floats:
    own = numpy.array([each.is_own for each in judged])
    return numpy.where(own, 0.5 / max(own.sum(), 1), 0.5 / max((~own).sum(), 1))


def fit(sets: Mapping[str, Sequence[Judged]]) -> Logistic:
    """The logistic model of all sets, by penalised likelihood of standardised signs."""
    values = numpy.vstack([figures(judged) for judged in sets.values()])
    weight = numpy.concatenate([weights(judged) / len(sets) for judged in sets.values()])
    answered = numpy.array([each.is_answered for judged in sets.values() for each in judged], dtype=float)
    mean, deviation = values.mean(axis=0), values.std(axis=0) + 1e-9
    design = numpy.column_stack([numpy.ones(len(values)), (values - mean) / deviation])

    def loss(slopes: Floats) -> tuple[float, Floats]:
        odds = design @ slopes
        gradient = design.T @ (weight * (1 / (1 + numpy.exp(-odds)) - answered))
        gradient[1:] += 2 * RIDGE * slopes[1:]
        likelihood = (weight * (numpy.logaddexp(0, odds) - answered * odds)).sum()
        return float(likelihood + RIDGE * (slopes[1:] ** 2).sum()), gradient

    slopes = minimize(loss, numpy.zeros(design.shape[1]), jac=True).x
    raw = slopes[1:] / deviation
    named = dict(zip((field.name for field in fields(Signs)), map(float, raw), strict=True))
    return Logistic(constant=float(slopes[0] - (raw * mean).sum()), **named)


def probabilities(model: Logistic, judged: Sequence[Judged]) -> Floats:
    return numpy.array([model.probability(each.signs) for each in judged])


def calibration_error(found: Floats, judged: Sequence[Judged]) -> float:
    """The expected calibration error (Naeini, Cooper & Hauskrecht 2015), in ten bins of equal width."""
    weight = weights(judged)
    answered = numpy.array([each.is_answered for each in judged], dtype=float)
    places = numpy.minimum((found * BINS).astype(int), BINS - 1)
    gaps = [abs((weight * (found - answered))[places == place].sum()) for place in range(BINS)]
    return float(sum(gaps) / weight.sum())


def ranking_quality(found: Floats, positive: NDArray[numpy.bool_]) -> float:
    """The area under the receiver's curve: how often a positive question is surer than another one."""
    above, below = found[positive][:, None], found[~positive][None]
    return float((above > below).mean() + 0.5 * (above == below).mean()) if above.size and below.size else float("nan")
