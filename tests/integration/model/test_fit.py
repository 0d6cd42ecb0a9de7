"""The forgetting curve is fitted to a person's reviews, and kept only if it predicts better."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import fsrs
import pytest
from fsrs.scheduler import LOWER_BOUNDS_PARAMETERS, UPPER_BOUNDS_PARAMETERS
from typer.testing import CliRunner

from dreams import app
from ingest.cycle.run import open_cycle, run_cycle
from ingest.dbt.parameters import FSRS_LEAST, FSRS_MOST
from ingest.fitting import fit
from ingest.fitting.memory_model import default_weights
from ingest.loading.load import load
from memories.postgres.database import connect
from memories.records import Document, Event
from tests.conftest import Dreams

BEGINNING = datetime.now(UTC) - timedelta(days=60)
REVIEWS = 7


def reviewed_by(weights: Sequence[float], memories: int = 36) -> None:
    """Stores memories with reviews by someone who forgets by these weights, at gaps that do not depend on them."""
    chance = random.Random(3)  # noqa: S311
    scheduler = fsrs.Scheduler(parameters=weights, enable_fuzzing=False)
    documents, events = [], []
    for number in range(memories):
        name = f"word {number}"
        documents.append(Document("test", name, f"The {number}th word of the list", created_at=BEGINNING))
        card, at = scheduler.review_card(fsrs.Card(), fsrs.Rating.Good, review_datetime=BEGINNING)[0], BEGINNING
        for review in range(REVIEWS):
            at += timedelta(days=chance.choice([1, 2, 4, 9]), minutes=number)
            is_recalled = chance.random() < scheduler.get_card_retrievability(card, at)
            grade = fsrs.Rating.Good if is_recalled else fsrs.Rating.Again
            card, _ = scheduler.review_card(card, grade, review_datetime=at)
            events.append(Event("test", f"{name} {review}", name, "reviewed", at, grade=int(grade)))
    with connect(autocommit=True) as connection:
        load(connection, [*documents, *events])


def weights_of_last_cycle() -> list[float]:
    with connect() as connection:
        row = connection.execute("select parameters from dreams.cycles order by started_at desc limit 1").fetchone()
    assert row is not None
    return [*row[0]["fsrs_weights"], row[0]["fsrs_decay"]]  # type: ignore[index]


def test_what_foretells_better_is_kept_until_it_is_reset(
    store_url: str, dreams: Dreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful = [
        0.3 * weight if number in (0, 1, 2, 3, 8) else weight for number, weight in enumerate(default_weights())
    ]
    reviewed_by(forgetful)
    refused = dreams("fit")
    assert (refused.returncode, "dreams run" in refused.stderr) == (2, True)
    run_cycle("consolidation")
    assert weights_of_last_cycle() == default_weights()

    monkeypatch.setattr(fit, "ITERATIONS", 2)
    told = CliRunner().invoke(app, ["fit"], catch_exceptions=False)
    assert told.stdout.startswith("Kept")
    run_cycle("consolidation")
    fitted = weights_of_last_cycle()
    assert fitted[2] < default_weights()[2]
    assert all(
        low <= weight <= high * (1 + 1e-6) for low, weight, high in zip(FSRS_LEAST, fitted, FSRS_MOST, strict=True)
    )
    with open_cycle(overrides={"fsrs_decay": 0.3}) as opened:
        assert opened.variables["fsrs_decay"] == 0.3
        assert opened.variables["fsrs_weights"] == fitted[:-1]

    assert dreams("fit", "--reset").returncode == 0
    with open_cycle() as opened:
        assert [*opened.variables["fsrs_weights"], opened.variables["fsrs_decay"]] == default_weights()  # type: ignore[misc]


def test_too_few_reviews_are_not_fitted_to(store_url: str, dreams: Dreams) -> None:
    reviewed_by(default_weights(), memories=12)
    run_cycle("consolidation")
    refused = dreams("fit")
    assert (refused.returncode, "a fit needs 100 and 10" in refused.stderr) == (2, True)


def test_the_bounds_are_those_of_the_package() -> None:
    assert (tuple(LOWER_BOUNDS_PARAMETERS), tuple(UPPER_BOUNDS_PARAMETERS)) == (FSRS_LEAST, FSRS_MOST)
    assert pytest.approx(default_weights()) == list(fsrs.Scheduler().parameters)
