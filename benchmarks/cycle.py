"""Measures the time and peak memory of a dream cycle by store size, relative to copying the same data.

    make bench-cycle                              # 1,000 and 10,000 memories
    make bench-cycle SIZES="1000 10000 100000"

Each size is a separate store in an embedded Postgres, with synthetic memories (benchmarks/synthetic.py) that already
have vectors, so that no model runs. The `first` cycle computes everything, `again` has nothing new, `1,000 more` has.
`of floor` is the time of dbt and write-back over that of copying the same columns out of Postgres, and the marts back
in. Peak memory is that of this process and its children, without Postgres.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from threading import Event, Thread

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HOME = Path(tempfile.mkdtemp(prefix="dreams-bench-"))
os.environ["DREAMS_HOME"] = str(HOME)
for name in ("POSTGRES_DB_URL", "DUCKDB_PATH", "EMBEDDING_MODEL", "ANNOTATION_MODEL", "OLLAMA_URL"):
    os.environ.pop(name, None)

import psutil
import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql

import ingest.settings
import memories.settings
from benchmarks.synthetic import COLUMNS, Corpus, store_memories
from benchmarks.variables import numbers
from ingest.cycle.record import Cycle
from ingest.cycle.run import run_cycle
from ingest.publishing.marts import MARTS
from memories.postgres import database
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import migrate
from memories.settings import StoreSettings

MORE = 1_000
POLL_SECONDS = 0.05
SLOWEST = 5
READ = (
    "select id, content, content_hash, context, summary, tags, metadata, created_at, embedding_vector"
    " from public.memories",
    "select * from dreams.recall_events",
    "select * from dreams.annotations",
)


@dataclass(slots=True)
class Peak:
    """The peak memory of this process and its children, in bytes."""

    size: int = 0


@contextmanager
def watched(poll_seconds: float = POLL_SECONDS) -> Iterator[Peak]:
    """Samples memory while the block runs."""
    peak, over = Peak(), Event()

    def look() -> None:
        while not over.wait(poll_seconds):
            peak.size = max(peak.size, sum(map(_size, _processes())))

    thread = Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def _processes() -> Iterator[psutil.Process]:
    me = psutil.Process()
    yield me
    yield from (child for child in me.children(recursive=True) if "postgres" not in _name(child))


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return "postgres"


def _size(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def floor(connection: Connection) -> float:
    """Seconds to copy what a cycle reads out of Postgres, and what it writes out and back in."""
    started = time.perf_counter()
    for query in READ:
        with connection.cursor().copy(f"copy ({query}) to stdout (format binary)".encode()) as out:
            for _ in out:
                pass
    with connection.transaction(force_rollback=True):
        for mart in MARTS:
            connection.execute(f"create temporary table floor_{mart} (like dreams.{mart} including indexes)".encode())
            with connection.cursor().copy(f"copy dreams.{mart} to stdout (format binary)".encode()) as out:
                blocks = [bytes(block) for block in out]
            with connection.cursor().copy(f"copy floor_{mart} from stdin (format binary)".encode()) as into:
                for block in blocks:
                    into.write(block)
    return time.perf_counter() - started


def dreamt() -> tuple[Cycle, float]:
    """Runs a cycle; returns it and its peak memory in gigabytes."""
    with watched() as peak:
        cycle = run_cycle()
    return cycle, peak.size / 1e9


def more(connection: Connection, count: int) -> None:
    """Adds `count` new memories, one second apart and ending now."""
    register_vector(connection)
    into = sql.SQL("copy public.memories ({}) from stdin (format binary)").format(
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )
    started_at = datetime.now(UTC) - timedelta(seconds=count)
    # A corpus of another size has other texts than the store's.
    rows = (row for batch in Corpus(count + 1).batches(StoreSettings().embedding_model) for row in batch)
    with connection.cursor().copy(into) as copy:
        copy.set_types(list(COLUMNS.values()))
        for number, row in enumerate(islice(rows, count)):
            at = started_at + timedelta(seconds=number)
            copy.write_row([*row[:7], at, at, *row[9:]])


def measure(server: str, size: int) -> None:
    url = server.replace(f"/{database.DATABASE}?", f"/cycle_{size}?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database cycle_{size}")
    os.environ["POSTGRES_DB_URL"] = url
    for left in HOME.glob("memory.duckdb*"):
        left.unlink()
    memories.settings.settings.cache_clear()
    ingest.settings.settings.cache_clear()
    migrate(url)
    with connect(url, autocommit=True) as connection:
        store_memories(connection, Corpus(size), StoreSettings().embedding_model)
        connection.execute("drop table places")
        first = dreamt()
        least = floor(connection)
        report(size, "first", *first, least)
        report(size, "again", *dreamt(), least)
        more(connection, MORE)
        report(size, f"{MORE:,} more", *dreamt(), least)


def report(size: int, what: str, cycle: Cycle, gigabytes: float, least: float) -> None:
    """Prints a row of the table, and the same as JSON."""
    steps = {name: cycle.seconds.get(name, 0.0) for name in ("annotate", "embed", "dbt", "write_back")}
    dreaming, changed = steps["dbt"] + steps["write_back"], sum(cycle.rows_changed.values())
    print(
        f"{size:>9} {what:<11} "
        + " ".join(f"{seconds:>10.1f}" for seconds in steps.values())
        + f" {dreaming / least:>9.2f} {gigabytes:>8.2f} {changed:>12}"
    )
    slowest = sorted(cycle.model_runs, key=lambda run: -run.seconds)[:SLOWEST]
    line = {
        "memories": size, "cycle": what, "seconds": steps, "floor_seconds": round(least, 2),
        "of_floor": round(dreaming / least, 2), "peak_gigabytes": round(gigabytes, 2), "rows_changed": changed,
        "slowest": {run.name: round(run.seconds, 2) for run in slowest},
    }  # fmt: skip
    print(json.dumps(line), flush=True)


def main() -> None:
    heads = f"{'memories':>9} {'cycle':<11} {'annotate':>10} {'embed':>10} {'dbt':>10} {'write-back':>10}"
    print(f"{heads} {'of floor':>9} {'peak GB':>8} {'rows changed':>12}")
    settings = StoreSettings(postgres_db_url=None)
    try:
        server = database.start(settings)
        for size in numbers("SIZES", "1000 10000"):
            measure(server, size)
    finally:
        os.environ.pop("POSTGRES_DB_URL", None)
        database.stop(settings)
        shutil.rmtree(settings.postgres_folder.parent, ignore_errors=True)
        shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
