"""Tests contiguity on free recall of word lists (PEERS; Healey, Long & Kahana 2019): which word follows which."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb
import numpy
from scipy.optimize import minimize

from benchmarks.human_memory import shipped
from benchmarks.human_memory.result import Chart, Comparison, Figure, Vector, data_file, root_mean_square

GATE, RATIO_TOLERANCE, LAGS = 0.02, 0.1, 5
FITTED = ("contiguity_backward", "contiguity_decay", "contiguity_context")
START, BOUNDS = (0.5, 0.3, 0.1), ((0.01, 1), (0.01, 0.9), (0.0, 0.9))
NAMES = ("first", "second")


@dataclass(frozen=True, slots=True)
class Transitions:
    """Transitions from one recalled word to the next, one a row, by 0-based list position, and who recalled them."""

    subjects: Vector
    origins: Vector
    chosen: Vector
    unrecalled: Vector

    def of(self, subjects: Sequence[int]) -> "Transitions":
        rows = numpy.isin(self.subjects, subjects)
        return Transitions(self.subjects[rows], self.origins[rows], self.chosen[rows], self.unrecalled[rows])


def read(folder: Path) -> Transitions:
    """Reads every transition between two words of the list, the second recalled for the first time; intrusions and
    repetitions break the chain (Kahana 1996)."""
    with gzip.open(data_file(folder, "peers_free_recall*.csv.gz"), "rt", encoding="utf-8") as file:
        rows = sorted(
            csv.DictReader(file),
            key=lambda row: (int(row["subject"]), row["session"], row["list"], int(row["position"])),
        )
    found: list[tuple[int, int, int, list[bool]]] = []
    for (subject, _, _), group in groupby(rows, key=lambda row: (row["subject"], row["session"], row["list"])):
        trials = list(group)
        places = {row["item"]: int(row["position"]) - 1 for row in trials if row["trial_type"] == "study"}
        recalled = [places.get(row["item"]) for row in trials if row["trial_type"] == "recall"]
        found += ((int(subject), *step) for step in steps(recalled, len(places)))
    subjects, origins, chosen, unrecalled = zip(*found, strict=True)
    return Transitions(*map(numpy.array, (subjects, origins, chosen)), numpy.array(unrecalled, dtype=float))


def steps(recalled: Sequence[int | None], length: int) -> Iterator[tuple[int, int, list[bool]]]:
    """The origin and destination of each transition, and which places had not been recalled by then."""
    before, known = None, set[int]()
    for place in recalled:
        if place is None or place in known:
            before = None
            continue
        if before is not None:
            yield before, place, [other not in known for other in range(length)]
        known.add(place)
        before = place


def one_list(connection: duckdb.DuckDBPyConnection, length: int) -> None:
    """Creates an episode with an item for each word."""
    connection.execute(
        "create or replace table stm_episode_items as select cast(place as integer) as item_id, 'list' as episode_id,"
        " place + 1 as position, timestamptz '2026-01-01 00:00:00+00' + to_seconds(2 * place) as occurred_at"
        " from range($length) as places (place)",
        {"length": length},
    )


def contiguity(connection: duckdb.DuckDBPyConnection, length: int, **overrides: float) -> Vector:
    """The shipped weights from each list position (row) to each other (column)."""
    shipped.build(connection, "ltm_contiguity_edges", contiguity_lag=length - 1, **overrides)
    weights = numpy.zeros((length, length))
    for earlier, later, forward, backward in connection.sql(
        "select earlier_id, later_id, forward_weight, backward_weight from ltm_contiguity_edges"
    ).fetchall():
        weights[earlier, later], weights[later, earlier] = forward, backward
    return weights


def chances(weights: Vector, seen: Transitions) -> Vector:
    """The probability that each position is recalled next: its share of the weights of unrecalled words."""
    open_to_it = weights[seen.origins] * seen.unrecalled
    shares: Vector = open_to_it / open_to_it.sum(axis=1, keepdims=True)
    return shares


def lag_crp(chosen: Vector, seen: Transitions) -> dict[int, float]:
    """Conditional response probability by lag: recalls over the opportunities to recall there (Kahana 1996)."""
    lags = numpy.arange(seen.unrecalled.shape[1]) - seen.origins[:, None]
    return {
        lag: float(chosen[lags == lag].sum() / max(seen.unrecalled[lags == lag].sum(), 1))
        for lag in range(-LAGS, LAGS + 1)
        if lag != 0
    }


def fitted(connection: duckdb.DuckDBPyConnection, seen: Transitions) -> dict[str, float]:
    """The maximum-likelihood parameters of contiguity (Nelder & Mead)."""
    length = seen.unrecalled.shape[1]

    def surprise(given: Vector) -> float:
        weights = contiguity(connection, length, **dict(zip(FITTED, map(float, given), strict=True)))
        return float(-numpy.mean(numpy.log(chances(weights, seen)[numpy.arange(len(seen.chosen)), seen.chosen])))

    found = minimize(surprise, START, method="Nelder-Mead", bounds=BOUNDS, options={"xatol": 1e-3, "fatol": 1e-6})
    return dict(zip(FITTED, map(float, found.x), strict=True))


def compare(folder: Path) -> Comparison:
    every = read(folder)
    length = every.unrecalled.shape[1]
    people = sorted(set(every.subjects.tolist()))
    halves = [every.of(people[0::2]), every.of(people[1::2])]
    connection = shipped.database()
    one_list(connection, length)
    figures, charts = [], []
    for half, (seen, unseen) in enumerate((halves, halves[::-1])):
        parameters = fitted(connection, seen)
        observed = lag_crp(numpy.eye(length)[unseen.chosen], unseen)
        predicted = lag_crp(chances(contiguity(connection, length, **parameters), unseen), unseen)
        of_seen = lag_crp(numpy.eye(length)[seen.chosen], seen)
        as_set = lag_crp(chances(contiguity(connection, length), unseen), unseen)
        error = root_mean_square(list(difference(predicted, observed)))
        ratio = predicted[1] / predicted[-1] / (observed[1] / observed[-1])
        beside = {
            "the people fitted on": root_mean_square(list(difference(of_seen, observed))),
            "as dbt_project.yml has it": root_mean_square(list(difference(as_set, observed))),
        }
        tested = f"fitted on the {NAMES[half]} half, tested on the other"
        figures += [
            Figure("free recall", f"RMSE of lag-CRP, {tested}", error, f"<= {GATE}", error <= GATE, beside),
            Figure(
                "free recall", f"CRP(+1)/CRP(-1), model by people, {tested}", ratio,
                f"within {RATIO_TOLERANCE:.0%} of 1", abs(ratio - 1) <= RATIO_TOLERANCE,
                {name: round(value, 3) for name, value in parameters.items()},
            ),
        ]  # fmt: skip
        title = f"Next recall by distance in the list, {tested}"
        curves = {"contiguity in SQL": list(predicted.items())}
        charts.append(
            Chart(f"free_recall_{half}", title, "lag", "probability", {"people": list(observed.items())}, curves)
        )
    return figures, charts


def difference(predicted: dict[int, float], observed: dict[int, float]) -> Iterator[float]:
    return (predicted[lag] - observed[lag] for lag in observed)
