"""Tests forgetting of syllable lists: Ebbinghaus 1885 and three replications (Murre & Dros 2015, table 3)."""

import csv
from pathlib import Path

import numpy

from benchmarks.human_memory import shipped
from benchmarks.human_memory.result import (
    EXPONENTIAL,
    Chart,
    Comparison,
    Figure,
    Vector,
    column,
    least_squares_fit,
    root_mean_square,
)  # fmt: skip
from benchmarks.human_memory.rivals import RIVALS

GATES = {"ebbinghaus1885": 0.03}
OTHERS_GATE = 0.05
# Decays within the package's bounds. Stability may fall below its minimum of 0.001 days: such lists fade in minutes.
BOUNDS = ([numpy.log(1e-9), 0.1], [numpy.log(36_500), 0.8])
STARTS = [[numpy.log(1e-3), 0.2], [numpy.log(1e-4), 0.12]]


class ForgettingCurve:
    """The shipped forgetting curve at given days, as a function of ln S and w20."""

    def __init__(self) -> None:
        self.connection = shipped.database()
        self.statement = shipped.render(
            "select {{ fsrs_retrievability('days', '$stability') }} from (select unnest($days) as days)",
            fsrs_decay=shipped.Placeholder("$decay"),
        )

    def __call__(self, days: Vector, parameters: Vector) -> Vector:
        given = {"days": days.tolist(), "stability": float(numpy.exp(parameters[0])), "decay": float(parameters[1])}
        return column(self.connection.execute(self.statement, given).fetchall())

    def fit(self, days: Vector, recalled: Vector) -> Vector:
        return least_squares_fit(lambda given: self(days, given), recalled, STARTS, BOUNDS)


def compare(folder: Path) -> Comparison:
    with (folder / "murre_dros_2015_table3.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    days = numpy.array([float(row["minutes"]) / 1440 for row in rows])
    savings = {name: numpy.array([float(row[name]) for row in rows]) for name in list(rows[0])[2:]}
    curve = ForgettingCurve()
    figures, charts = [], []
    fine = numpy.geomspace(days[0] / 2, days[-1] * 1.5, 80)
    for subject, observed in savings.items():
        fitted = curve.fit(days, observed)
        error = root_mean_square(curve(days, fitted) - observed)
        beside, curves = {}, {"FSRS-6 in SQL": list(zip(fine, curve(fine, fitted), strict=True))}
        for name, rival in RIVALS.items():
            found = least_squares_fit(
                lambda given, rival=rival: rival.recall(days[:, None], given), observed, rival.starts, rival.bounds
            )
            beside[name] = root_mean_square(rival.recall(days[:, None], found) - observed)
            curves[name] = list(zip(fine, rival.recall(fine[:, None], found), strict=True))
        gate = GATES.get(subject, OTHERS_GATE)
        met = error <= gate and error < beside[EXPONENTIAL]
        figures.append(Figure("forgetting", f"RMSE {subject}", error, f"<= {gate}, < {EXPONENTIAL}", met, beside))
        if len(savings) > 1:
            others = numpy.mean([savings[other] for other in savings if other != subject], axis=0)
            left_out = root_mean_square(curve(days, curve.fit(days, others)) - observed)
            figures.append(Figure("forgetting", f"RMSE {subject}, fitted on the others", left_out, "not gated", None))
        points = {"people": list(zip(days, observed, strict=True))}
        charts.append(
            Chart(f"forgetting_{subject}", f"Savings, {subject}", "days", "savings", points, curves, logarithmic=True)
        )
    return figures, charts
