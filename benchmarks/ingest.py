"""Measures how fast JSON lines load into Postgres, relative to a bare COPY of the same rows, and the peak memory.

MEGABYTES="10 100" python benchmarks/ingest.py
"""

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg

from benchmarks.variables import numbers
from ingest import sources
from ingest.loading.load import load
from memories.postgres.database import connect, url
from memories.postgres.migrate import migrate

WORDS = ["river", "gauge", "boat", "harbour", "forecast", "rain", "storm", "model", "alarm", "letter", "choir", "knee"]


def write_notes(file: Path, megabytes: int, seed: int = 1) -> int:
    """Writes distinct notes of log-normal length (median 60 words); returns how many."""
    chance, count = random.Random(seed), 0
    with file.open("w") as out:
        while out.tell() < megabytes * 1_000_000:
            words = " ".join(chance.choices(WORDS, k=max(3, int(chance.lognormvariate(4.1, 0.7)))))
            note = {"id": str(count), "content": f"{count} {words}.", "tags": chance.sample(WORDS, 2)}
            out.write(json.dumps({**note, "created_at": 1_700_000_000 + 60 * count}) + "\n")
            count += 1
    return count


def rows(file: Path) -> Iterator[tuple[str, str]]:
    with file.open() as lines:
        for line in lines:
            note = json.loads(line)
            yield note["id"], note["content"]


def bare_copy(connection: psycopg.Connection[tuple[object, ...]], file: Path) -> float:
    connection.execute("create table bare (id text, content text)")
    started = time.perf_counter()
    with connection.cursor().copy("copy bare from stdin") as copy:
        for row in rows(file):
            copy.write_row(row)
    return time.perf_counter() - started


def main() -> None:
    base = url()
    print(f"{'MB':>6} {'method':>10} {'notes':>9} {'notes/s':>9} {'of floor':>9} {'peak MB':>8}")
    for megabytes in numbers("MEGABYTES", "10 100"):
        with psycopg.connect(base, autocommit=True) as connection:
            connection.execute("drop database if exists benchmark_ingest with (force)")
            connection.execute("create database benchmark_ingest")
        target = base.replace("/dreams?", "/benchmark_ingest?")
        migrate(target)
        with tempfile.TemporaryDirectory() as folder, connect(target, autocommit=True) as connection:
            file = Path(folder) / "notes.jsonl"
            count = write_notes(file, megabytes)
            started = time.perf_counter()
            loaded = load(connection, sources.read("jsonl", file))
            seconds = {"load": time.perf_counter() - started, "bare COPY": bare_copy(connection, file)}
            assert loaded.new >= count and not loaded.rejected, loaded
        for method, took in seconds.items():
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            share = seconds["bare COPY"] / took
            print(f"{megabytes:>6} {method:>10} {count:>9} {count / took:>9.0f} {share:>9.2f} {peak:>8.0f}")
            print(
                json.dumps(
                    {
                        "set": f"{megabytes} MB",
                        "method": method,
                        "notes_per_second": round(count / took),
                        "share_of_floor": round(share, 3),
                        "peak_megabytes": round(peak),
                    }
                )
            )
        with psycopg.connect(base, autocommit=True) as connection:
            connection.execute("drop database benchmark_ingest with (force)")


if __name__ == "__main__":
    main()
