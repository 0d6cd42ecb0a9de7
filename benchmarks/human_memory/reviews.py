"""Compares the memory model with the package `fsrs` on a real review log, by default and fitted on other cards."""

from datetime import UTC
from pathlib import Path

import duckdb
import fsrs
import numpy
from scipy.optimize import minimize

from benchmarks.human_memory import shipped
from benchmarks.human_memory.result import Chart, Comparison, Figure, Vector, data_file
from benchmarks.human_memory.rivals import RIVALS, Rival
from ingest.fitting.fit import STATES, Loss

TOLERANCE = 1e-6
EACH = f"""{STATES}
select state.stability, state.difficulty, if(whole_days is null, null, recalled), whole_days, is_recalled
from predicted
order by card_id, place
"""  # noqa: S608 - nothing in it comes from outside
NAMES = ("even cards", "odd cards")


def log_loss(recalled: Vector, is_recalled: Vector) -> float:
    """The mean negative log-probability of the outcomes, in nats."""
    given = numpy.where(is_recalled, recalled, 1 - recalled)
    return float(-numpy.mean(numpy.log(numpy.maximum(given, 1e-12))))


def read(folder: Path) -> duckdb.DuckDBPyConnection:
    """Reads the log into table `reviews`, one row per review, numbered within its card; cards are in half 0 or 1."""
    file = data_file(folder, "fsrs_review_log*.csv.gz")
    connection = shipped.database()
    connection.execute(
        """create table reviews as
        select
            cast(card_id as bigint) as card_id,
            cast(review_rating as integer) as grade,
            cast(review_time as timestamptz) as reviewed_at,
            row_number() over (partition by card_id order by review_time) as place,
            dense_rank() over (order by cast(card_id as bigint)) % 2 as half
        from read_csv($file)""",
        {"file": str(file)},
    )
    return connection


def by_package(connection: duckdb.DuckDBPyConnection) -> Vector:
    """The package's stability and difficulty after each review, and its retrievability at the next; NaN without one."""
    scheduler = fsrs.Scheduler(parameters=shipped.DEFAULT_WEIGHTS, enable_fuzzing=False)
    cards: dict[int, fsrs.Card] = {}
    states: list[list[float]] = []
    for card_id, instant, grade in connection.sql(
        "select card_id, reviewed_at, grade from reviews order by card_id, place"
    ).fetchall():
        moment = instant.astimezone(UTC)
        if card_id in cards:
            states[-1][2] = scheduler.get_card_retrievability(cards[card_id], moment)
        card = cards.get(card_id, fsrs.Card(card_id=card_id))
        cards[card_id], _ = scheduler.review_card(card, fsrs.Rating(grade), review_datetime=moment)
        states.append([float(cards[card_id].stability or 0), float(cards[card_id].difficulty or 0), numpy.nan])
    return numpy.array(states)


def ages_before(connection: duckdb.DuckDBPyConnection) -> tuple[Vector, Vector, Vector]:
    """For each cross-day review: the ages in days of earlier ones, whether it was recalled, and the card's half."""
    histories = connection.sql(
        "select list(epoch(reviewed_at) / 86400.0 order by place), list(grade order by place), any_value(half)"
        " from reviews group by card_id order by card_id"
    ).fetchall()
    ages, is_recalled, halves = [], [], []
    for instants, grades, half in histories:
        for place in range(1, len(instants)):
            if instants[place] - instants[place - 1] >= 1:
                ages.append(instants[place] - numpy.array(instants[:place]))
                is_recalled.append(grades[place] > 1)
                halves.append(half)
    padded = numpy.full((len(ages), max(map(len, ages))), numpy.nan)
    for row, known in enumerate(ages):
        padded[row, : len(known)] = known
    return padded, numpy.array(is_recalled), numpy.array(halves)


def fitted_rival(rival: Rival, ages: Vector, is_recalled: Vector) -> Vector:
    fits = [
        minimize(
            lambda given: log_loss(rival.recall(ages, given), is_recalled), start, method="L-BFGS-B",
            bounds=list(zip(*rival.bounds, strict=True)),
        )
        for start in rival.starts
    ]  # fmt: skip
    best: Vector = min(fits, key=lambda fit: float(fit.fun)).x
    return best


def compare(folder: Path) -> Comparison:
    connection = read(folder)
    package = by_package(connection)
    ask, loss = shipped.by_weights(connection, EACH), Loss(connection)
    rows = ask(shipped.DEFAULT_WEIGHTS, least_days=0, halves=[0, 1])
    shown = numpy.array([row[:3] for row in rows], dtype=numpy.float64)
    difference = float(numpy.nanmax(numpy.abs(shown - package)))
    same_rows = bool((numpy.isnan(shown) == numpy.isnan(package)).all())
    across_days = numpy.array([(row[3] or 0) >= 1 for row in rows])
    is_recalled = numpy.array([bool(row[4]) for row in rows])[across_days]
    recalled, by_it = shown[across_days, 2], package[across_days, 2]
    default, theirs = log_loss(recalled, is_recalled), log_loss(by_it, is_recalled)
    base = log_loss(numpy.full(len(is_recalled), is_recalled.mean()), is_recalled)
    figures = [
        Figure(
            "review log", f"difference from the package after {len(rows)} reviews", difference,
            f"<= {TOLERANCE}", same_rows and difference <= TOLERANCE,
        ),
        Figure(
            "review log", f"log loss, {len(is_recalled)} cross-day reviews", default, f"package's {theirs:.4f}",
            abs(default - theirs) <= TOLERANCE, {"base rate": base},
        ),
    ]  # fmt: skip
    ages, rival_recalled, halves = ages_before(connection)
    for half, other in ((0, 1), (1, 0)):
        before, after = (
            total / count
            for total, count in (loss.total(weights, other) for weights in (shipped.DEFAULT_WEIGHTS, loss.fitted(half)))
        )
        beside = {}
        for name, rival in RIVALS.items():
            best = fitted_rival(rival, ages[halves == half], rival_recalled[halves == half])
            beside[name] = log_loss(rival.recall(ages[halves == other], best), rival_recalled[halves == other])
        measure = f"log loss, {NAMES[other]}, fitted on the others"
        figures.append(Figure("review log", measure, after, f"< default's {before:.4f}", after < before, beside))
    return figures, [calibration(recalled, is_recalled)]


def calibration(recalled: Vector, is_recalled: Vector, bins: int = 10) -> Chart:
    """Plots the recalled share of reviews against their predicted probability, in bins of equal size."""
    points = [
        (float(recalled[alike].mean()), float(is_recalled[alike].mean()))
        for alike in numpy.array_split(numpy.argsort(recalled, kind="stable"), bins)
        if len(alike)
    ]
    title = "Reviews on later days: recalled, by the probability predicted"
    return Chart("review_log", title, "predicted", "recalled", {"people": points}, {"perfect": [(0, 0), (1, 1)]})
