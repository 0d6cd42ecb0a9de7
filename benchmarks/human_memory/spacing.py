"""Tests the spacing effect: recall of facts by study gap and test delay (Cepeda et al. 2008)."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy
from fsrs.scheduler import LOWER_BOUNDS_PARAMETERS, UPPER_BOUNDS_PARAMETERS

from benchmarks.human_memory import shipped
from benchmarks.human_memory.result import (
    Chart,
    Comparison,
    Figure,
    Vector,
    column,
    least_squares_fit,
    root_mean_square,
)  # fmt: skip
from benchmarks.human_memory.rivals import RIVALS

GATE = 0.065
# The decay w20 that fits the 26 cells best exceeds the package's bound of 0.8.
WIDE_DECAY = 3.0
# The weights that two studies graded Good or Again identify: the others have no effect, or are confounded with these.
FREE = [2, 4, 8, 9, 10, 11, 12, 13, 14, 17, 18, 19, 20]
STARTS = 3
# A gap of 0 days is a second study within the session.
SAME_SESSION_DAYS = 5 / 1440
# At the second study an item is recalled with probability R; its stability is updated for Good, or else for Again.
MIXTURE = """
with learnt as (
    select
        unnest($gaps) as gap,
        unnest($delays) as delay,
        {{ fsrs_initial_stability(3) }} as stability,
        {{ fsrs_initial_difficulty(3) }} as difficulty
),

restudied as (
    select
        delay,
        {{ fsrs_retrievability('gap', 'stability') }} as recalled,
        {{ fsrs_next_stability('stability', 'difficulty', 3, 'gap') }} as after_success,
        {{ fsrs_next_stability('stability', 'difficulty', 1, 'gap') }} as after_failure
    from learnt
)

select
    recalled * {{ fsrs_retrievability('delay', 'after_success') }}
    + (1 - recalled) * {{ fsrs_retrievability('delay', 'after_failure') }}
from restudied
"""
Predict = Callable[[Vector, Vector], Vector]


def fitted_mixture(
    gaps: Vector, delays: Vector, recalled: Vector, most_decay: float = UPPER_BOUNDS_PARAMETERS[20]
) -> Predict:
    """Fits the shipped equations within bounds; returns recall as a function of gaps and delays in days."""
    ask = shipped.by_weights(shipped.database(), MIXTURE)
    bounds = (LOWER_BOUNDS_PARAMETERS, (*UPPER_BOUNDS_PARAMETERS[:20], most_decay))
    lower, upper = (numpy.array(ends)[FREE] for ends in bounds)

    def weights(free: Vector) -> Vector:
        every = numpy.array(shipped.DEFAULT_WEIGHTS)
        every[FREE] = free
        return every

    def predict(free: Vector, gaps: Vector, delays: Vector) -> Vector:
        return column(ask(weights(free), gaps=gaps.astype(int).tolist(), delays=delays.tolist()))

    chance = numpy.random.default_rng(1)
    default = numpy.array(shipped.DEFAULT_WEIGHTS)[FREE]
    # One study gives far less than the upper bound of the initial stability, 100 days.
    near = numpy.minimum(upper, numpy.where(numpy.array(FREE) == 2, 10.0, upper))
    starts = [default, *(lower + (near - lower) * chance.uniform(0.01, 0.99, len(FREE)) for _ in range(STARTS - 1))]
    best = least_squares_fit(lambda free: predict(free, gaps, delays), recalled, starts, (lower, upper))
    return lambda gaps, delays: predict(best, gaps, delays)


def fitted_rivals(gaps: Vector, delays: Vector, recalled: Vector) -> dict[str, Predict]:
    def ages(gaps: Vector, delays: Vector) -> Vector:
        return numpy.column_stack([numpy.maximum(gaps, SAME_SESSION_DAYS) + delays, delays])

    found: dict[str, Predict] = {}
    for name, rival in RIVALS.items():
        best = least_squares_fit(
            lambda given, rival=rival: rival.recall(ages(gaps, delays), given), recalled, rival.starts, rival.bounds
        )
        found[name] = lambda gaps, delays, rival=rival, best=best: rival.recall(ages(gaps, delays), best)
    return found


def best_gaps(predict: Predict, delays: Sequence[float], longest: int) -> list[int]:
    """The gap in days with the best recall at each delay; 0 or the longest when no optimum lies between."""
    gaps = numpy.arange(longest + 1.0)
    return [int(numpy.argmax(predict(gaps, numpy.full_like(gaps, delay)))) for delay in delays]


def compare(folder: Path) -> Comparison:
    with (folder / "cepeda_spacing_recall.csv").open(encoding="utf-8") as file:
        cells = [row for row in csv.DictReader(file) if row["panel"] == "d" and row["function"] == "spacing"]
    gaps, delays, recalled = (
        numpy.array([float(cell[name]) / scale for cell in cells])
        for name, scale in (("isi_days", 1), ("ri_days", 1), ("recall_pct", 100))
    )
    wide = fitted_mixture(gaps, delays, recalled, WIDE_DECAY)
    mixture, rivals = fitted_mixture(gaps, delays, recalled), fitted_rivals(gaps, delays, recalled)
    tested, longest = sorted(set(delays)), int(gaps.max())
    optimum = best_gaps(mixture, tested, longest)
    grows = all(0 < shorter < longer for shorter, longer in zip([0.5, *optimum], optimum, strict=False))
    error = root_mean_square(mixture(gaps, delays) - recalled)
    figures = [
        Figure(
            "spacing", f"RMSE, {len(cells)} cells", error, f"<= {GATE}", error <= GATE,
            {name: root_mean_square(predict(gaps, delays) - recalled) for name, predict in rivals.items()},
        ),
        Figure(
            "spacing", f"RMSE, decay w20 up to {WIDE_DECAY:.0f}, beyond the package's bound",
            root_mean_square(wide(gaps, delays) - recalled), "not gated", None,
        ),
        Figure(
            "spacing", f"best gap at delays {days(tested)}", days(optimum), "interior, growing",
            grows and optimum[-1] < longest,
            {name: days(best_gaps(predict, tested, longest)) for name, predict in rivals.items()},
        ),
    ]  # fmt: skip
    fine = numpy.arange(longest + 1.0)
    points, curves = {}, {}
    for delay in tested:
        at_delay, name = delays == delay, f"{delay:.0f} days later"
        points[name] = list(zip(gaps[at_delay], recalled[at_delay], strict=True))
        curves[name] = list(zip(fine, mixture(fine, numpy.full_like(fine, delay)), strict=True))
    chart = Chart("spacing", "Recall by the gap between two studies", "gap, days", "recalled", points, curves)
    return figures, [chart]


def days(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)
