"""The comparison with human memory is right on made-up data with known answers, and runs on the real log."""

import csv
import gzip
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsrs
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.human_memory import capacity, forgetting, free_recall, plot, replay, reviews, shipped, spacing
from benchmarks.human_memory.result import Chart
from benchmarks.human_memory.rivals import act_r, exponential, pavlik_anderson
from tests.conftest import ROOT

DATA = Path(os.environ.get("DREAMS_EVAL_DATA") or ROOT.parent / "shared" / "data") / "human_memory"
START = datetime(2026, 1, 1, 9, tzinfo=UTC)
REVIEW = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 40 * 86_400))


def write_log(folder: Path, log: Sequence[tuple[int, int, datetime]]) -> Path:
    with gzip.open(folder / "fsrs_review_log.csv.gz", "wt", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["card_id", "review_rating", "review_time"])
        rows.writerows((card, grade, instant.isoformat()) for card, grade, instant in log)
    return folder


def differences(folder: Path) -> numpy.ndarray:
    """Absolute differences in stability, difficulty and retrievability between the SQL and the package."""
    connection = reviews.read(folder)
    rows = shipped.by_weights(connection, reviews.EACH)(shipped.DEFAULT_WEIGHTS, least_days=0, halves=[0, 1])
    found, package = numpy.array([row[:3] for row in rows], dtype=float), reviews.by_package(connection)
    assert numpy.array_equal(numpy.isnan(found), numpy.isnan(package))
    return numpy.nan_to_num(numpy.abs(found - package))


@settings(max_examples=25)
@given(steps=st.lists(REVIEW, min_size=1, max_size=30))
def test_the_state_after_each_review_is_the_package_s(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]]
) -> None:
    instant, log = START, []
    for card, grade, seconds in steps:
        instant += timedelta(seconds=seconds)
        log.append((card, grade, instant))
    assert differences(write_log(tmp_path_factory.mktemp("log"), log)).max() <= 1e-6


@pytest.mark.skipif(not DATA.exists(), reason="the evaluation data is not there: set DREAMS_EVAL_DATA")
def test_the_whole_review_log_is_the_package_s_too() -> None:
    assert differences(DATA).max() <= 1e-6


def test_a_power_law_is_found_again_and_an_exponential_is_not_enough(tmp_path: Path) -> None:
    curve, minutes = forgetting.ForgettingCurve(), [20, 60, 540, 1440, 2880, 8640, 44640]
    savings = curve(numpy.array(minutes) / 1440, numpy.array([numpy.log(0.002), 0.3]))
    lines = [f"{minute},x,{saved}" for minute, saved in zip(minutes, savings, strict=True)]
    (tmp_path / "murre_dros_2015_table3.csv").write_text("\n".join(["minutes,label,someone", *lines]))
    (figure,), (chart,) = forgetting.compare(tmp_path)
    assert figure.met and figure.value == pytest.approx(0, abs=1e-4)
    assert figure.beside["e^(-t/S)"] > 0.1
    assert chart.points["people"][0] == pytest.approx((20 / 1440, savings[0]))


def test_the_mixture_is_of_success_and_failure_by_their_probability() -> None:
    gap, delay = 10, 30
    scheduler, start = fsrs.Scheduler(enable_fuzzing=False), START
    learnt, _ = scheduler.review_card(fsrs.Card(card_id=1), fsrs.Rating.Good, start)
    studied = start + timedelta(days=gap)
    recalled = scheduler.get_card_retrievability(learnt, studied)
    success, failure = (
        scheduler.get_card_retrievability(
            scheduler.review_card(learnt, grade, studied)[0], studied + timedelta(days=delay)
        )
        for grade in (fsrs.Rating.Good, fsrs.Rating.Again)
    )
    ask = shipped.by_weights(shipped.database(), spacing.MIXTURE)
    found = ask(shipped.DEFAULT_WEIGHTS, gaps=[gap], delays=[delay])[0][0]
    assert found == pytest.approx(recalled * success + (1 - recalled) * failure, abs=1e-6)


def test_intrusions_and_repetitions_break_the_chain_of_recalls() -> None:
    found = list(free_recall.steps([2, 3, None, 0, 1, 3, 4], 5))
    assert [step[:2] for step in found] == [(2, 3), (0, 1)]
    assert found[1][2] == [False, True, False, False, True]


def test_contiguity_is_found_again_in_recalls_made_with_it() -> None:
    chance, length = numpy.random.default_rng(1), 8
    connection = shipped.database()
    free_recall.one_list(connection, length)
    made = {"contiguity_backward": 0.4, "contiguity_decay": 0.2, "contiguity_context": 0.1}
    weights = free_recall.contiguity(connection, length, **made)
    assert weights[0, 1] == pytest.approx(0.2 + 0.1) and weights[2, 0] == pytest.approx(0.4 * 0.04 + 0.1 * 2**-0.5)
    steps = []
    for _ in range(800):
        places = [int(chance.integers(length))]
        for _ in range(5):
            open_to_it = weights[places[-1]] * ~numpy.isin(numpy.arange(length), places)
            places.append(int(chance.choice(length, p=open_to_it / open_to_it.sum())))
        steps += list(free_recall.steps(places, length))
    origins, chosen, unrecalled = (numpy.array(column) for column in zip(*steps, strict=True))
    seen = free_recall.Transitions(numpy.zeros(len(steps)), origins, chosen, unrecalled.astype(float))
    found = free_recall.contiguity(connection, length, **free_recall.fitted(connection, seen))
    assert free_recall.chances(found, seen) == pytest.approx(free_recall.chances(weights, seen), abs=0.05)
    observed = free_recall.lag_crp(numpy.eye(length)[chosen], seen)
    predicted = free_recall.lag_crp(free_recall.chances(found, seen), seen)
    assert list(predicted.values()) == pytest.approx(list(observed.values()), abs=0.03)


def test_copies_leave_five_slots_and_distinct_items_nine() -> None:
    copies, distinct = numpy.tile(numpy.eye(32)[0], (20, 1)), numpy.eye(32)[:20]
    similarities, slots = capacity.capacities(capacity.offer([copies, distinct]))
    assert similarities == pytest.approx([1, 0]) and slots.tolist() == [5, 9]


@pytest.fixture
def month(tmp_path: Path) -> Path:
    """Six cards reviewed together in two crowded windows, then one of them daily, failing each time."""
    crowd = [(card, 3, START + timedelta(days=day, seconds=card)) for day in (0, 3) for card in range(1, 7)]
    failing = [(1, 1, START + timedelta(days=day)) for day in range(4, 14)]
    return write_log(tmp_path, crowd + failing)


def test_the_nights_of_a_log_choose_among_its_cards(month: Path) -> None:
    connection = replay.read(month)
    replay.choose(connection)
    nights, candidates = connection.sql("select count(distinct night), count(*) from replays").fetchall()[0]
    assert (nights, candidates) == (14, 14 * 6)
    # In the ten nights from the fourth to the last but one, one card fails next.
    assert replay.random_share(connection) == pytest.approx(10 / (14 * 6))


def test_weights_fall_with_the_nights_and_what_is_replayed_is_spared(month: Path) -> None:
    connection = replay.read(month)
    replay.choose(connection)
    weights = replay.weights_after(connection, [0, 1, 2])
    factor = 1 - shipped.VARIABLES["forgetting_rate"]
    assert weights[2] == pytest.approx(weights[0] * factor**2) and weights[0].min() > 0
    connection.execute("update replays set replay_rank = 100 where memory_id <> 1")
    spared = replay.rehearse_last_choice(connection) > 0
    assert spared.sum() == 5
    assert replay.weights_after(connection, [2])[2][spared] == pytest.approx(weights[0][spared])


def test_an_order_that_changes_is_noticed() -> None:
    assert replay.in_order(numpy.array([0.1, 0.3, 0.2]), numpy.array([0.05, 0.15, 0.1]))
    assert not replay.in_order(numpy.array([0.1, 0.3, 0.2]), numpy.array([0.05, 0.09, 0.1]))


def test_the_other_models_are_what_their_papers_say() -> None:
    ages = numpy.array([[10.0, 2.0], [3.0, numpy.nan]])
    assert exponential(ages, numpy.array([numpy.log(2)])) == pytest.approx(numpy.exp([-1, -1.5]))
    activation = numpy.log((864_000**-0.5) + (172_800**-0.5))
    assert act_r(ages, numpy.array([-6.0, 0.5]))[0] == pytest.approx(1 / (1 + numpy.exp((-6 - activation) / 0.5)))
    # Without its activation term, a decay of 0.5 is ACT-R's.
    assert pavlik_anderson(ages, numpy.array([-6.0, 0.5, 0.0, 0.5])) == pytest.approx(
        act_r(ages, numpy.array([-6, 0.5]))
    )


def test_charts_are_drawn_as_png_and_html(tmp_path: Path) -> None:
    chart = Chart(
        "a_chart", "Recall <b>", "days", "recalled", {"people": [(1, 0.5)]}, {"model": [(1, 0.4), (9, 0.2)]}, True
    )
    plot.save([chart], tmp_path, "a table")
    assert (tmp_path / "a_chart.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "index.html").read_text()
    assert "<svg" in page and "Recall &lt;b&gt;" in page and "a table" in page


def test_absent_data_is_named_and_skipped(tmp_path: Path) -> None:
    environment = {**os.environ, "DREAMS_EVAL_DATA": str(tmp_path), "OUTPUT": str(tmp_path / "charts")}
    command = [sys.executable, "benchmarks/human.py"]
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("is not there (set DREAMS_EVAL_DATA)") == 6
    assert not (tmp_path / "charts").exists()
