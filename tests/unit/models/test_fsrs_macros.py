"""The memory model in SQL equals the package `fsrs` to 1e-6 for any review history."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import fsrs
import jinja2
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3] / "biological_memory"
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
START = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
DEFAULTS = tuple(fsrs.scheduler.DEFAULT_PARAMETERS)
# Isolates the equations: no mean reversion, no same-day gains, hardly any dependence of gains on stability.
EXTREMES = (*DEFAULTS[:7], 0.001, *DEFAULTS[8:17], 0.00005, 0.0, 0.0, 0.8)
History = Sequence[tuple[datetime, int]]


def macros(weights: Sequence[float]) -> Any:
    variables = {"fsrs_weights": list(weights[:20]), "fsrs_decay": weights[20]}
    text = (PROJECT / "macros" / "fsrs.sql").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - what it renders is SQL
    return environment.from_string(text, globals={"var": variables.__getitem__}).module


def random_history(chance: random.Random) -> History:
    """Up to 20 reviews, seconds to years apart, with all grades, only good and easy, or only again and hard."""
    instant, history = START, []
    grades = chance.choice([[1, 1, 2, 3, 3, 3, 4], [3, 4], [1, 1, 1, 2]])
    for _ in range(chance.randint(1, 20)):
        history.append((instant, chance.choice(grades)))
        instant += chance.choice([
            timedelta(0),
            timedelta(seconds=chance.randint(1, 86_399)),
            timedelta(days=1) - timedelta(microseconds=1),
            timedelta(days=chance.randint(1, 5)),
            timedelta(days=chance.randint(0, 60), seconds=chance.randint(0, 86_399)),
            timedelta(days=chance.randint(365, 4000)),
        ])  # fmt: skip
    return history


def by_package(history: History, weights: Sequence[float]) -> tuple[float, float]:
    scheduler = fsrs.Scheduler(parameters=weights, enable_fuzzing=False)
    card = fsrs.Card(card_id=1, due=START)
    for instant, grade in history:
        card, _ = scheduler.review_card(card, fsrs.Rating(grade), review_datetime=instant)
    assert card.stability is not None and card.difficulty is not None
    return card.stability, card.difficulty


def by_macros(histories: Sequence[History], weights: Sequence[float]) -> list[tuple[float, float, int]]:
    sql = macros(weights)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create table reviews (item integer, place integer, occurred_at timestamptz, grade integer)")
        reviews = [
            (item, place, (instant - EPOCH) // MICROSECOND, grade)
            for item, history in enumerate(histories)
            for place, (instant, grade) in enumerate(history)
        ]
        connection.execute(
            "insert into reviews select r[1], r[2], make_timestamptz(r[3]), r[4]"
            " from (select unnest(cast(cast(? as json) as bigint[][])) as r)",
            [json.dumps(reviews)],
        )
        return connection.sql(
            f"with events as (select item, list({sql.fsrs_event('occurred_at', 'grade')} order by place) as events"
            f" from reviews group by item), folded as (select item, {sql.fsrs_fold('events')} as state from events)"
            " select state.stability, state.difficulty, state.lapses from folded order by item"
        ).fetchall()


@pytest.mark.parametrize("weights", [DEFAULTS, EXTREMES], ids=["default", "extreme"])
def test_folding_a_history_equals_the_package(weights: Sequence[float]) -> None:
    chance = random.Random(6)  # noqa: S311 - the same histories every time
    histories = [random_history(chance) for _ in range(5000)]
    found = by_macros(histories, weights)
    assert [state[:2] for state in found] == [
        pytest.approx(by_package(history, weights), rel=1e-6, abs=0) for history in histories
    ]
    assert [state[2] for state in found] == [sum(grade == 1 for _, grade in history[1:]) for history in histories]


def test_the_vars_are_the_package_s_parameters() -> None:
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    assert (*variables["fsrs_weights"], variables["fsrs_decay"]) == DEFAULTS


@pytest.mark.parametrize("stability_days", [0.001, 0.5, 2.3065, 100.0, 36_500.0])
def test_retrievability_equals_the_package_on_whole_days(stability_days: float) -> None:
    scheduler, sql = fsrs.Scheduler(), macros(DEFAULTS)
    card = fsrs.Card(card_id=1, state=fsrs.State.Review, stability=stability_days, difficulty=5.0, last_review=START)
    for days in (0, 1, 2, 10, 365, 10_000):
        found = duckdb.sql(f"select {sql.fsrs_retrievability(days, stability_days)}").fetchall()[0][0]
        instant = START + timedelta(days=days)
        assert found == pytest.approx(scheduler.get_card_retrievability(card, instant), abs=1e-6)


def test_retrievability_falls_within_a_day_and_is_nine_tenths_after_the_stability() -> None:
    sql = macros(DEFAULTS)
    halves = [f"({sql.fsrs_retrievability(days, 2.0)})" for days in (-1, 0, 0.5, 1, 2)]
    before, at_once, half_a_day, a_day, the_stability = duckdb.sql(f"select {', '.join(halves)}").fetchall()[0]
    assert before == at_once == 1 and at_once > half_a_day > a_day > the_stability == pytest.approx(0.9)
