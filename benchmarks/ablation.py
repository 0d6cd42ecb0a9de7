"""What each mechanism of the dream adds: to recall, and to how well it foretells which memories will be needed.

    make bench-ablation
    make bench-ablation LOCOMO=locomo10.json

Each conversation of LoCoMo becomes a life that is asked about: it ends four weeks ago, every other question has been
asked since, in an order drawn once, at its own hour, its results were shown and its evidence cited. Then the store
dreams, twice, so that what is replayed takes effect, and the other questions are put to it. Each mechanism is switched
off alone, and all is dreamt anew. Recall is told with the middle 95 % of its differences from that with every
mechanism, over questions drawn anew (paired bootstrap). Predicted are all memories, each night that predictions are
made, as `ins_calibrations` has it, and judged by what was needed within the horizon; "base rate" gives every memory the
share that was needed before. How well forgetting foretells real reviews is told beside: the curve against the base
rate, on the review log of the evaluation data (DREAMS_EVAL_DATA).
"""

import os
import random
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import log
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import duckdb
import numpy
import psycopg
from numpy.typing import NDArray

import ingest.settings
import memories.settings
from benchmarks.human_memory import reviews, shipped
from benchmarks.recall import DATA, HOME, RESAMPLES, Collected, Question, locomo, rankings, recall_at, remembered
from ingest.cycle import enrich, open_cycle, run_cycle
from ingest.load import load
from memories import database
from memories.database import connect
from memories.memory import Memory
from memories.migrate import migrate
from memories.models_client import Embedder
from memories.records import NAMESPACE, Term
from memories.vectors import Embed

ASKED_DAYS = 28
SHOWN = 10
DEPTHS = (5, 10, 50)
EVENT = """
insert into dreams.recall_events (memory_id, kind, query_id, rank, occurred_at) values (%s, %s, %s, %s, %s)
"""


PREDICTIONS = """
select
    1 / (1 + exp(-(intercept + slope * log_need))) as probability,
    (needed_count + 1) / (learnt_count + 2) as base_rate,
    cast(was_needed as integer) as was_needed
from ins_need_outcomes
inner join ins_calibrations using (agent, night)
where learnt_count > 0 and due_at <= (select as_of from dream)
"""


class Prediction(NamedTuple):
    """How likely a memory was to be needed, by what was learnt and by the base rate, and 1 if it was, else 0."""

    probability: float
    base_rate: float
    was_needed: float


@dataclass(frozen=True, slots=True)
class Mechanism:
    """How one is switched off: by parameters of the cycle, or by terms of the search."""

    name: str
    parameters: Mapping[str, object]
    terms: Collection[Term] = ()


MECHANISMS = (
    Mechanism("none", {}),
    Mechanism("contiguity", {"contiguity_lag": 0}),
    Mechanism("Hebbian edges", {"hebbian_learning_rate": 0, "need_spread": 0}),
    Mechanism("replay", {"replay_budget": 0}),
    Mechanism("down-scaling", {"forgetting_rate": 0}),
    Mechanism("context drift", {"episode_boundary_similarity": -1}),
    Mechanism("forgetting", {"activation_decay": 0}, ["retrievability"]),
)


def lived(collected: Collected, now: datetime) -> Collected:
    """The same conversation, ended four weeks ago."""
    last = max(document.created_at for document in collected.documents if document.created_at)
    shift = now - timedelta(days=ASKED_DAYS) - last
    documents = [
        replace(document, created_at=document.created_at + shift)
        for document in collected.documents
        if document.created_at
    ]
    return Collected(collected.name, documents, collected.questions)


def use(name: str, like: str | None = None) -> None:
    """A new database of that name, and its DuckDB file, are those of the settings."""
    server = database.start(memories.settings.StoreSettings(postgres_db_url=None))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)".encode())
        connection.execute(f"create database {name}{f' template {like}' if like else ''}".encode())
    cache = HOME / f"{name}.duckdb"
    cache.unlink(missing_ok=True)
    os.environ.update(POSTGRES_DB_URL=server.replace("/dreams?", f"/{name}?"), DUCKDB_PATH=str(cache))
    memories.settings.settings.cache_clear()
    ingest.settings.settings.cache_clear()


def asked_about(name: str, life: Collected, questions: Sequence[Question], now: datetime, embed: Embed) -> None:
    """A store with the conversation and all that its questions left behind, not dreamt of yet."""
    use(name)
    migrate()
    with connect(autocommit=True) as connection:
        load(connection, life.documents)
    with open_cycle() as opened:
        enrich(opened)
    ids = {document.native_id: document.id for document in life.documents}
    with Memory(embed=embed) as memory, connect(autocommit=True) as connection:
        for number, question in enumerate(questions):
            at = now - timedelta(days=ASKED_DAYS) * (1 - (number + 1) / (len(questions) + 1))
            query_id = uuid5(NAMESPACE, f"{life.name} {number}")
            shown = [result.memory.id for result in memory.search(question.text, SHOWN, record=False).results]
            cited = sorted(ids[evidence] for evidence in question.evidence)
            events: list[tuple[UUID, str, int | None]] = [
                (found, "listed", rank) for rank, found in enumerate(shown, 1)
            ]
            for memory_id, kind, rank in [*events, *((found, "cited", None) for found in cited)]:
                connection.execute(EVENT, (memory_id, kind, query_id, rank, at))


def predictions() -> list[Prediction]:
    """What each memory's probability was on each night that had learnt from one before, and what came of it."""
    with duckdb.connect(os.environ["DUCKDB_PATH"], read_only=True) as connection:
        return [Prediction(*map(float, row)) for row in connection.execute(PREDICTIONS).fetchall()]


def brier(scored: Sequence[tuple[float, float]]) -> float:
    return float(numpy.mean([(probability - happened) ** 2 for probability, happened in scored]))


def log_loss(scored: Sequence[tuple[float, float]]) -> float:
    return float(numpy.mean([-log(probability if happened else 1 - probability) for probability, happened in scored]))


def measure(lives: Sequence[Collected], now: datetime, embed: Embed) -> None:
    found: dict[str, list[tuple[Question, Sequence[str]]]] = {mechanism.name: [] for mechanism in MECHANISMS}
    predicted: dict[str, list[Prediction]] = {mechanism.name: [] for mechanism in MECHANISMS}
    for life in lives:
        base = "ablation_" + sha256(life.name.encode()).hexdigest()[:8]
        before = list(life.questions[::2])
        random.Random(life.name).shuffle(before)
        asked_about(base, life, before, now, embed)
        put = Collected(life.name, life.documents, life.questions[1::2])
        for mechanism in MECHANISMS:
            use("ablation", base)
            # What one night replays, the next cycle sees.
            for _ in range(2):
                run_cycle(overrides=mechanism.parameters)
            predicted[mechanism.name] += predictions()
            with Memory(embed=embed) as memory:
                ranked = rankings(memory, put, mechanism.terms)
            found[mechanism.name] += zip(put.questions, ranked, strict=True)
    whole = recalls(found["none"])
    print(f"{'without':<14} " + " ".join(f"{f'R@{k}':>7} {'difference, 95 %':>18}" for k in DEPTHS)
          + f" {'Brier':>7} {'log loss':>9} {'predictions':>12}")  # fmt: skip
    for name, answers in found.items():
        each = recalls(answers)
        shown = " ".join(
            f"{mean:>7.4f} {least:>+9.4f}{most:>+9.4f}"
            for mean, (least, most) in zip(each.mean(axis=0), differences(each - whole), strict=True)
        )
        scored = [(prediction.probability, prediction.was_needed) for prediction in predicted[name]]
        print(f"{name:<14} {shown} {brier(scored):>7.4f} {log_loss(scored):>9.4f} {len(scored):>12}", flush=True)
    scored = [(prediction.base_rate, prediction.was_needed) for prediction in predicted["none"]]
    print(f"{'base rate':<14} {'':>80} {brier(scored):>7.4f} {log_loss(scored):>9.4f} {len(scored):>12}")


def recalls(answers: Sequence[tuple[Question, Sequence[str]]]) -> NDArray[numpy.float64]:
    """A row a question, a column a depth."""
    return numpy.array([[recall_at(k)(ranked, question) for k in DEPTHS] for question, ranked in answers])


def differences(paired: NDArray[numpy.float64]) -> Sequence[tuple[float, float]]:
    """The middle 95 % of each column's mean, over rows drawn anew with a fixed seed (bootstrap; Efron 1979)."""
    drawn = numpy.random.default_rng(1).integers(0, len(paired), (RESAMPLES, len(paired)))
    least, most = numpy.quantile(paired[drawn].mean(axis=1), (0.025, 0.975), axis=0)
    return list(zip(least.tolist(), most.tolist(), strict=True))


def foretold(folder: Path) -> None:
    """Cross-day reviews of the log: probabilities by the forgetting curve, and by the base rate alone."""
    connection = reviews.read(folder)
    rows = shipped.by_weights(connection, reviews.EACH)(shipped.DEFAULT_WEIGHTS, least_days=1, halves=[0, 1])
    outcomes = [(float(row[2]), bool(row[4])) for row in rows if row[2] is not None]
    base = float(numpy.mean([recalled for _, recalled in outcomes]))
    for name, given in (("none", outcomes), ("forgetting", [(base, recalled) for _, recalled in outcomes])):
        print(f"{'reviews, without':<17} {name:<11} Brier {brier(given):.4f}  log loss {log_loss(given):.4f}")


def main() -> None:
    file = Path(os.environ.get("LOCOMO") or DATA / "locomo_dev5.json")
    if not file.exists():
        print(f"skipped: {file} is not there (set DREAMS_EVAL_DATA, or LOCOMO)")
        return
    now = datetime.now(UTC)
    try:
        measure([lived(collected, now) for collected in locomo(file)], now, remembered(Embedder()))
        foretold(DATA.parent / "human_memory")
    finally:
        os.environ.pop("POSTGRES_DB_URL", None)
        settings = memories.settings.StoreSettings(postgres_db_url=None)
        database.stop(settings)
        if "KEEP" not in os.environ:
            shutil.rmtree(settings.postgres_folder.parent, ignore_errors=True)
            shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
