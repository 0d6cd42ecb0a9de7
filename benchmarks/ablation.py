"""Measures what each mechanism of the dream adds to recall and to the calibration of predicted recalls.

    make bench-ablation
    make bench-ablation LOCOMO=locomo10.json

Each conversation of LoCoMo becomes a store whose last turn is four weeks old. Every other question has been asked
since, each at another time, with its results shown and its evidence cited. The store then runs two cycles, so that
replay takes effect, and answers the remaining questions. Each mechanism is switched off alone, and all is computed
again. Predictions are the cycle's own, of what will be needed, scored at their horizon. The forgetting curve is also
compared with the base rate on real reviews, the review log of the evaluation data (DREAMS_EVAL_DATA).
"""

import os
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import log
from pathlib import Path
from uuid import UUID, uuid5

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import duckdb
import numpy
import psycopg

import ingest.settings
import memories.settings
from benchmarks.human_memory import reviews, shipped
from benchmarks.recall import rankings
from benchmarks.retrieval.measures import recall_at
from benchmarks.retrieval.sets import Collected, LabelledQuestion, locomo
from benchmarks.retrieval.stores import DATA, HOME, remembered
from ingest.cycle.run import enrich, open_cycle, run_cycle
from ingest.loading.load import load
from memories.embedding.embedder import Embedder
from memories.embedding.vectors import Embed
from memories.memory import Memory
from memories.postgres import database
from memories.postgres.database import connect
from memories.postgres.migrate import migrate
from memories.records import NAMESPACE, Term

ASKED_DAYS = 28
SHOWN = 10
EVENT = """
insert into dreams.recall_events (memory_id, kind, query_id, rank, occurred_at) values (%s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A mechanism, and the cycle parameters or omitted search terms that switch it off."""

    name: str
    parameters: Mapping[str, object]
    terms: Collection[Term] = ()


MECHANISMS = (
    Mechanism("none", {}),
    Mechanism("contiguity", {"contiguity_lag": 0}),
    Mechanism("Hebbian edges", {"hebbian_learning_rate": 0}),
    Mechanism("reminding", {"reminding_strength": 0}),
    Mechanism("replay", {"replay_budget": 0}),
    Mechanism("down-scaling", {"forgetting_rate": 0}),
    Mechanism("context drift", {"episode_boundary_similarity": -1}),
    Mechanism("forgetting", {}, ["retrievability"]),
)


def lived(collected: Collected, now: datetime) -> Collected:
    """The same conversation, shifted to end four weeks ago."""
    last = max(document.created_at for document in collected.documents if document.created_at)
    shift = now - timedelta(days=ASKED_DAYS) - last
    documents = [
        replace(document, created_at=document.created_at + shift)
        for document in collected.documents
        if document.created_at
    ]
    return Collected(collected.name, documents, collected.questions)


def use(name: str, like: str | None = None) -> None:
    """Creates a database, as a copy of `like` if given, and points the settings to it and its DuckDB file."""
    server = database.start(memories.settings.StoreSettings(postgres_db_url=None))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)".encode())
        connection.execute(f"create database {name}{f' template {like}' if like else ''}".encode())
    cache = HOME / f"{name}.duckdb"
    cache.unlink(missing_ok=True)
    os.environ.update(POSTGRES_DB_URL=server.replace("/dreams?", f"/{name}?"), DUCKDB_PATH=str(cache))
    memories.settings.settings.cache_clear()
    ingest.settings.settings.cache_clear()


def asked_about(name: str, life: Collected, questions: Sequence[LabelledQuestion], now: datetime, embed: Embed) -> None:
    """Creates a store with the conversation and the events of its questions, on which no cycle has run."""
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


def predictions() -> list[tuple[float, bool]]:
    """Probability and outcome of each prediction that has reached its horizon."""
    with duckdb.connect(os.environ["DUCKDB_PATH"], read_only=True) as connection:
        return [
            (float(probability), bool(was_needed))
            for probability, was_needed in connection.execute(
                "select probability, was_needed from ins_predictions where validated is not null"
            ).fetchall()
        ]


def brier(scored: Sequence[tuple[float, bool]]) -> float:
    return float(numpy.mean([(probability - happened) ** 2 for probability, happened in scored]))


def log_loss(scored: Sequence[tuple[float, bool]]) -> float:
    return float(numpy.mean([-log(probability if happened else 1 - probability) for probability, happened in scored]))


def measure(lives: Sequence[Collected], now: datetime, embed: Embed) -> None:
    found: dict[str, list[tuple[LabelledQuestion, Sequence[str]]]] = {mechanism.name: [] for mechanism in MECHANISMS}
    scored: dict[str, list[tuple[float, bool]]] = {mechanism.name: [] for mechanism in MECHANISMS}
    for life in lives:
        base = "ablation_" + sha256(life.name.encode()).hexdigest()[:8]
        asked_about(base, life, life.questions[::2], now, embed)
        put = Collected(life.name, life.documents, life.questions[1::2])
        for mechanism in MECHANISMS:
            use("ablation", base)
            # The replay of one night takes effect in the next cycle.
            for _ in range(2):
                run_cycle(overrides=mechanism.parameters)
            scored[mechanism.name] += predictions()
            with Memory(embed=embed) as memory:
                ranked = rankings(memory, put, mechanism.terms)
            found[mechanism.name] += zip(put.questions, ranked, strict=True)
    print(f"{'without':<16} {'R@5':>7} {'R@10':>7} {'R@50':>7} {'Brier':>7} {'log loss':>9} {'predictions':>12}")
    for name, answers in found.items():
        means = [numpy.mean([recall_at(k)(ranked, question) for question, ranked in answers]) for k in (5, 10, 50)]
        print(
            f"{name:<16} " + " ".join(f"{mean:>7.4f}" for mean in means)
            + f" {brier(scored[name]):>7.4f} {log_loss(scored[name]):>9.4f} {len(scored[name]):>12}",
            flush=True,
        )  # fmt: skip


def foretold(folder: Path) -> None:
    """Prints how well the forgetting curve, and the base rate alone, predict the cross-day reviews of the log."""
    connection = reviews.read(folder)
    rows = shipped.by_weights(connection, reviews.EACH)(shipped.DEFAULT_WEIGHTS, least_days=1, halves=[0, 1])
    outcomes = [(float(row[2]), bool(row[4])) for row in rows if row[2] is not None]
    base = float(numpy.mean([recalled for _, recalled in outcomes]))
    for name, given in (("none", outcomes), ("forgetting", [(base, recalled) for _, recalled in outcomes])):
        print(f"{'reviews, without':<17} {name:<11} Brier {brier(given):.4f}  log loss {log_loss(given):.4f}")


def main() -> None:
    file = Path(os.environ.get("LOCOMO") or DATA / "retrieval" / "locomo_dev5.json")
    if not file.exists():
        print(f"skipped: {file} is not there (set DREAMS_EVAL_DATA, or LOCOMO)")
        return
    now = datetime.now(UTC)
    try:
        measure([lived(collected, now) for collected in locomo(file)], now, remembered(Embedder()))
        foretold(DATA / "human_memory")
    finally:
        os.environ.pop("POSTGRES_DB_URL", None)
        settings = memories.settings.StoreSettings(postgres_db_url=None)
        database.stop(settings)
        if "KEEP" not in os.environ:
            shutil.rmtree(settings.postgres_folder.parent, ignore_errors=True)
            shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
