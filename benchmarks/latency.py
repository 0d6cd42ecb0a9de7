"""Measures the latency of stores and searches by store size: p50 and p99 of one warm client.

    make bench-latency                                  # 10,000 and 100,000 memories
    make bench-latency SIZES="10000 100000 1000000"     # a million takes long to fill: half an hour, 20 GB of disk
    make bench-latency WORDS=330                        # memories of 2 kB, in passages; the default are those of a chat
    make bench-latency KEEP=folder                      # keeps the stores there, and reuses them

Each size is a separate store in an embedded Postgres: synthetic memories (benchmarks/synthetic.py), loaded by COPY,
their vector index built afterwards, with the state that a dream cycle leaves. Searches get their vector from a stand-in
at once; the model is measured separately. `of peer` is a row's p50 over that of the least work for the same task: a
bare INSERT with its commit, or pgvector's own search. `load` is the machine's load average, this benchmark included.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HOME = Path(os.environ.get("KEEP") or tempfile.mkdtemp(prefix="dreams-bench-")).resolve()
os.environ["DREAMS_HOME"] = str(HOME)
for name in ("POSTGRES_DB_URL", "EMBEDDING_MODEL", "OLLAMA_URL"):
    os.environ.pop(name, None)

import numpy
import psycopg

from benchmarks.synthetic import MEDIAN_WORDS, Corpus, Vectors, fill
from benchmarks.variables import number, numbers
from memories.embedding.embedder import Embedder
from memories.embedding.servers import announcement
from memories.embedding.vectors import as_parameter
from memories.lexical.index import LexicalIndex
from memories.memory import Memory
from memories.postgres import database
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import migrate
from memories.recall import candidates
from memories.recall.candidates import Asked
from memories.recall.filters import condition
from memories.recall.query import query_terms
from memories.recall.search import LEXICAL_ROWS
from memories.records import Filters
from memories.settings import StoreSettings

K = 10
Argument = TypeVar("Argument")
Found = TypeVar("Found")
QUERIES = number("QUERIES", 300)
WORDS = number("WORDS", MEDIAN_WORDS)
WARMING_QUERIES = 100
EXACT_QUERIES = 50
EF_SEARCH = (40, 60, 100)

PLAIN = (
    "select id from public.memories where embedding_vector is not null"
    " order by embedding_vector::halfvec(768) <=> %s::halfvec(768) limit %s"
)
SIZES_ON_DISK = """
select
    pg_relation_size('public.memories'), pg_total_relation_size('public.memories') - pg_indexes_size('public.memories'),
    pg_relation_size('public.memories_embedding_idx'),
    pg_total_relation_size('dreams.passages') - pg_indexes_size('dreams.passages'),
    pg_indexes_size('dreams.passages'), pg_total_relation_size('dreams.edge_states'),
    pg_database_size(current_database())
"""


class StandIn:
    """Returns a question's known vector without a model; any other text gets a vector of the first subject."""

    def __init__(self, corpus: Corpus, questions: Mapping[str, Vectors]) -> None:
        self._meanings, self._chance = corpus.meanings, numpy.random.default_rng(9)
        self._known = {_without_person(question): vector for question, vector in questions.items()}

    def __call__(self, texts: Sequence[str]) -> Vectors:
        return numpy.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Vectors:
        known = self._known.get(_without_person(text))
        return self._meanings.of(numpy.zeros(1, dtype=numpy.int64), self._chance)[0] if known is None else known


class SizeReport:
    """Prints rows about one size, as a table and as JSON."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._medians: dict[str, float] = {}

    def latency(self, method: str, milliseconds: Sequence[float], peer: str | None = None, **more: float) -> None:
        p50, p99 = (float(value) for value in numpy.percentile(milliseconds, [50, 99]))
        self._medians[method] = p50
        of_peer = p50 / self._medians[peer] if peer else None
        recall = more.get("recall@10")
        print(
            f"{self._size:>9} {method:<34} {p50:>9.2f} {p99:>9.2f} "
            f"{'' if of_peer is None else f'{of_peer:.2f}':>8} {'' if recall is None else f'{recall:.3f}':>9} "
            f"{_load():>5}"
        )
        self._json(
            method,
            {"p50_ms": round(p50, 3), "p99_ms": round(p99, 3), "queries": len(milliseconds)}
            | ({"peer": peer, "of_peer": round(of_peer, 3)} if of_peer is not None else {})
            | more
            | {"load": _load()},
        )

    def figures(self, method: str, unit: str, figures: Mapping[str, float]) -> None:
        """Prints the figure of each part, in seconds or megabytes."""
        print(f"{self._size:>9} {method:<34} " + ", ".join(f"{part} {value:.1f}" for part, value in figures.items()))
        self._json(method, {"unit": unit, **{part: round(value, 1) for part, value in figures.items()}})

    def _json(self, method: str, figures: Mapping[str, object]) -> None:
        print(
            json.dumps({"set": f"{self._size} memories", "median words": WORDS, "method": method, **figures}),
            flush=True,
        )


def main() -> None:
    print(f"{'memories':>9} {'method':<34} {'p50 ms':>9} {'p99 ms':>9} {'of peer':>8} {'recall@10':>9} {'load':>5}")
    settings = StoreSettings(postgres_db_url=None)
    try:
        base = database.start(settings)
        for size in numbers("SIZES", "10000 100000"):
            measure(base, size)
    finally:
        _end_sidecar(settings)
        database.stop(settings)
        if "KEEP" not in os.environ:
            shutil.rmtree(settings.postgres_folder.parent, ignore_errors=True)
            shutil.rmtree(HOME, ignore_errors=True)


def measure(base: str, size: int) -> None:
    report, corpus = SizeReport(size), Corpus(size, WORDS)
    target = filled(base, corpus, report)
    questions = corpus.questions(QUERIES, seed=1)
    warming = corpus.questions(WARMING_QUERIES, seed=2)
    stand_in = StandIn(corpus, {**questions, **warming})
    with connect(target, autocommit=True) as connection:
        by_vector(report, connection, list(warming.values()), list(questions.values()))
        by_words(report, connection, list(warming), list(questions))
        bare_insert(report, connection, corpus.new_texts(QUERIES, seed=3))
    with Memory(target, embed=stand_in) as memory:
        asked(report, memory, warming, questions)
        stored(report, memory, corpus.new_texts(QUERIES, seed=4))
        asked(report, memory, warming, questions, "right after the stores")
    if find_spec("torch"):
        with_model(report, target, warming, questions)
    with connect(target, autocommit=True) as connection:
        disk(report, connection)


def filled(base: str, corpus: Corpus, report: SizeReport) -> str:
    """The connection string of the store of this size, which is filled if it does not exist."""
    name = f"latency_{corpus.size}_{WORDS}"
    target = base.replace(f"/{database.DATABASE}?", f"/{name}?")
    with psycopg.connect(base, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
            return target
        # It has another name until it is complete.
        connection.execute("drop database if exists latency_unfinished with (force)")
        connection.execute("create database latency_unfinished")
    unfinished = target.replace(name, "latency_unfinished")
    migrate(unfinished)
    with connect(unfinished, autocommit=True) as connection:
        report.figures("filling", "seconds", fill(connection, corpus, StoreSettings().embedding_model))
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"alter database latency_unfinished rename to {name}")
        connection.execute("checkpoint")
    return target


def by_vector(
    report: SizeReport, connection: Connection, warming: Sequence[Vectors], vectors: Sequence[Vectors]
) -> None:
    """Measures pgvector alone, exact and by its index, then the search's own vector query."""
    model = StoreSettings().embedding_model

    def plain(vector: Vectors) -> Collection[UUID]:
        rows = connection.execute(PLAIN, (as_parameter(vector), K), prepare=True)
        return {row[0] for row in rows if isinstance(row[0], UUID)}

    def pipeline(vector: Vectors) -> Collection[UUID]:
        asked = Asked(model, as_parameter(vector), *condition(Filters(), None))
        return {UUID(bytes=row.id) for row in candidates.nearest_rows(connection, asked, K)}

    candidates.prepare(connection)
    with _setting(connection, "enable_indexscan", "off"):
        exact, took = timed(plain, vectors[:EXACT_QUERIES])
    report.latency("exact vector search", took)
    methods: dict[str, tuple[Callable[[Vectors], Collection[UUID]], int]] = {
        f"pgvector alone, ef_search {ef}": (plain, ef) for ef in EF_SEARCH
    }
    for method, (search, ef) in {
        **methods,
        "vector search": (pipeline, int(candidates.SETTINGS["hnsw.ef_search"])),
    }.items():
        with _setting(connection, "hnsw.ef_search", str(ef)):
            timed(search, warming)
            found, took = timed(search, vectors)
        recall = numpy.mean([len(set(ids) & set(best)) / K for ids, best in zip(found, exact, strict=False)])
        peer = f"pgvector alone, ef_search {EF_SEARCH[-1]}"
        report.latency(
            method,
            took,
            None if method == peer else peer if search is pipeline else None,
            **{"recall@10": round(float(recall), 4)},
        )


def by_words(report: SizeReport, connection: Connection, warming: Sequence[str], questions: Sequence[str]) -> None:
    """Measures the lexical index alone, built and then searched."""
    folder = HOME / "lexical-alone"
    shutil.rmtree(folder, ignore_errors=True)
    lexical = LexicalIndex(folder)

    def search(question: str) -> Mapping[UUID, float]:
        lexical.catch_up(connection)
        return lexical.search(query_terms(question, {}, lexical), LEXICAL_ROWS)

    _, building = timed(lexical.catch_up, [connection])
    report.figures("lexical index", "seconds", {"build": building[0] / 1_000})
    timed(search, warming)
    report.latency("lexical index alone", timed(search, questions)[1])
    lexical.close()
    shutil.rmtree(folder)


def bare_insert(report: SizeReport, connection: Connection, texts: Sequence[str]) -> None:
    connection.execute("create table bare (id uuid primary key default gen_random_uuid(), content text)")
    connection.execute("create unique index on bare (md5(content))")
    statement = "insert into bare (content) values (%s)"
    _, took = timed(lambda text: connection.execute(statement, (text,), prepare=True), texts)
    connection.execute("drop table bare")
    report.latency("bare insert", took)


def asked(
    report: SizeReport, memory: Memory, warming: Mapping[str, Vectors], questions: Mapping[str, Vectors], when: str = ""
) -> None:
    suffix = f", {when}" if when else ""
    peer = f"pgvector alone, ef_search {EF_SEARCH[-1]}"
    timed(memory.search, list(warming))
    report.latency(f"full search{suffix}", timed(memory.search, list(questions))[1], peer)
    if not when:
        report.latency("words only", timed(lambda text: memory.search(text, words_only=True), list(questions))[1], peer)


def stored(report: SizeReport, memory: Memory, texts: Sequence[str]) -> None:
    report.latency("store", timed(memory.store, texts)[1], "bare insert")


def with_model(
    report: SizeReport, target: str, warming: Mapping[str, Vectors], questions: Mapping[str, Vectors]
) -> None:
    """Measures the sidecar's model alone, and full searches with it."""
    embedder = Embedder()
    timed(lambda text: embedder([text]), list(warming))
    report.latency("the model alone", timed(lambda text: embedder([text]), list(questions))[1])
    embedder.close()
    with Memory(target) as memory:
        timed(memory.search, list(warming))
        report.latency("full search with the model", timed(memory.search, list(questions))[1])


def disk(report: SizeReport, connection: Connection) -> None:
    row = connection.execute(SIZES_ON_DISK).fetchone()
    names = (
        "memories", "memories with vectors", "vector index", "passages", "passages' indexes", "edges", "whole database",
    )  # fmt: skip
    lexical = sum(file.stat().st_size for file in (HOME / "lexical").rglob("*") if file.is_file())
    sizes = dict(zip(names, map(int, map(str, row or ())), strict=True)) | {"lexical index": lexical}
    report.figures("disk", "megabytes", {name: size / 1e6 for name, size in sizes.items()})


def timed(call: Callable[[Argument], Found], arguments: Sequence[Argument]) -> tuple[list[Found], list[float]]:
    """The result of each call, and its milliseconds."""
    found, milliseconds = [], []
    for argument in arguments:
        started = time.perf_counter()
        found.append(call(argument))
        milliseconds.append(1_000 * (time.perf_counter() - started))
    return found, milliseconds


@contextmanager
def _setting(connection: Connection, name: str, value: str) -> Iterator[None]:
    connection.execute("select set_config(%s, %s, false)", (name, value))
    yield
    connection.execute(f"reset {name}")


def _without_person(text: str) -> str:
    """A question as it is embedded, without the person it names."""
    return text.partition(" to ")[0].rstrip("?")


def _load() -> float:
    return round(os.getloadavg()[0], 1)


def _end_sidecar(settings: StoreSettings) -> None:
    try:
        pid = int(json.loads(announcement(settings).read_text())["pid"])
    except FileNotFoundError:
        return
    os.kill(pid, 15)


if __name__ == "__main__":
    main()
