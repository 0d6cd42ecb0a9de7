"""Defines other models of memory to compare with: probabilities of recall from the ages of presentations.

Ages are in days, with a row for each occasion and a column for each presentation, oldest first; NaN for none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy

from benchmarks.human_memory.result import ACT_R, EXPONENTIAL, PAVLIK_ANDERSON, Vector

SECONDS_PER_DAY = 86_400.0


class Model(Protocol):
    def __call__(self, ages_days: Vector, parameters: Vector) -> Vector: ...


@dataclass(frozen=True, slots=True)
class Rival:
    """A model, the starting points of its fits, and the bounds of its parameters."""

    recall: Model
    starts: Sequence[Sequence[float]]
    bounds: tuple[Sequence[float], Sequence[float]]


def exponential(ages_days: Vector, parameters: Vector) -> Vector:
    """e^(-t/S): t days since the last presentation, ln S the only parameter."""
    return numpy.exp(-numpy.nanmin(ages_days, axis=1) / numpy.exp(parameters[0]))


def act_r(ages_days: Vector, parameters: Vector) -> Vector:
    """ACT-R (Anderson & Schooler 1991): 1 / (1 + e^((threshold - B) / noise)), B = ln sum t^-0.5, t in seconds."""
    threshold, noise = parameters
    return _recalled(numpy.full_like(ages_days, 0.5), ages_days, threshold, noise)


def pavlik_anderson(ages_days: Vector, parameters: Vector) -> Vector:
    """Pavlik & Anderson (2005, eq. 5): a presentation decays at d = c e^m + a, m the activation at that time."""
    threshold, noise, decay_scale, decay_intercept = parameters
    decays = numpy.full_like(ages_days, decay_intercept)
    for place in range(1, ages_days.shape[1]):
        since = _seconds(ages_days[:, :place] - ages_days[:, place : place + 1])
        strength = numpy.nansum(since ** -decays[:, :place], axis=1)
        decays[:, place] = numpy.minimum(decay_scale * strength + decay_intercept, 5.0)
    return _recalled(decays, ages_days, threshold, noise)


def _recalled(decays: Vector, ages_days: Vector, threshold: float, noise: float) -> Vector:
    activation = numpy.log(numpy.nansum(_seconds(ages_days) ** -decays, axis=1))
    recalled: Vector = 1 / (1 + numpy.exp(numpy.clip((threshold - activation) / noise, -500, 500)))
    return recalled


def _seconds(days: Vector) -> Vector:
    return numpy.maximum(days * SECONDS_PER_DAY, 1.0)


RIVALS: Mapping[str, Rival] = {
    EXPONENTIAL: Rival(exponential, [[0.0], [4.0]], ([-12.0], [12.0])),
    ACT_R: Rival(act_r, [[-4.0, 0.5], [-7.0, 1.0]], ([-20.0, 0.01], [5.0, 10.0])),
    PAVLIK_ANDERSON: Rival(
        pavlik_anderson,
        [[-2.0, 0.5, 0.5, 0.2], [-4.0, 0.5, 2.0, 0.2]],
        ([-20.0, 0.01, 0.0, 0.01], [5.0, 10.0, 50.0, 2.0]),
    ),
}
