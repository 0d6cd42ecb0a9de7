"""Tests a dream cycle against faults: kills at random moments, a Postgres restart, a full disk, a clock set back.

    make bench-faults                       # fifty moments, half an hour
    make bench-faults MOMENTS=12 SEED=2

A store with a cycle over most of the sample ingests the rest and runs another; an undisturbed store does the same. At
each moment the process, or the last child it started, is killed (-9) somewhere in the named step. It counts: `hidden`,
cycles that were half visible or invisible afterwards; `failed`, next runs that did not complete; `lost` and `doubled`,
rows that the store has fewer or more of, after the next run, than the undisturbed one.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HOME = Path(os.environ.get("DREAMS_HOME") or tempfile.mkdtemp(prefix="dreams-bench-"))
IS_VICTIM = sys.argv[1:] == ["victim"]
if not IS_VICTIM:
    os.environ["DREAMS_HOME"] = str(HOME)
    for name in ("POSTGRES_DB_URL", "DUCKDB_PATH", "EMBEDDING_MODEL", "ANNOTATION_MODEL", "OLLAMA_URL"):
        os.environ.pop(name, None)

import psutil
import psycopg

import ingest.settings
import memories.settings
from benchmarks.variables import number
from ingest import sources
from ingest.cycle.run import run_cycle
from ingest.loading.load import load
from ingest.publishing.marts import MARTS
from ingest.sources import Record
from memories.documents.write import INSERT_UNLESS_THERE, rows_of
from memories.postgres import database
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import migrate
from memories.records import Document
from memories.settings import StoreSettings

MOMENTS = number("MOMENTS", 50)
STEPS = ("migrate", "ingest", "annotate", "embed", "dbt", "write_back")
# The migrations that are killed start from a store of this version.
EARLIER = "0010_mention_edges.sql"
DREAMT_OF = 0.8
LONGEST_SECONDS = 300
DISK = "3g"
LEFT_BYTES = 1_000_000
TOLD: Mapping[str, str] = {
    "memories": "select id, content, context, summary, tags, metadata, created_at, embedding_vector is null"
    " from public.memories",
    "versions": "select memory_id, version, content from dreams.memory_versions",
    "events": "select memory_id, kind, grade, rank, occurred_at, details from dreams.recall_events",
    "annotations": "select content_hash, annotator, topics, gist from dreams.annotations",
    "nights": "select agent, night, replayed_count from dreams.nights",
    **{mart: f"select * from dreams.{mart}" for mart in MARTS},  # noqa: S608 - names of our own
}
Told = Mapping[str, Counter[str]]


@dataclass(slots=True)
class FaultCounts:
    """Counts of what went wrong, over some moments."""

    moments: int = 0
    hidden: int = 0
    failed: int = 0
    lost: int = 0
    doubled: int = 0
    where: Counter[str] = field(default_factory=Counter)

    def line(self, fault: str) -> str:
        return f"{fault:<24} {self.moments:>7} {self.hidden:>7} {self.failed:>7} {self.lost:>7} {self.doubled:>7}" + (
            f"  {dict(self.where)}" if self.where else ""
        )


class Stores:
    """The databases of one server and their DuckDB files; each fault disturbs a fresh copy."""

    def __init__(self, server: str) -> None:
        self._server = server

    def use(self, name: str) -> None:
        """Points the settings to a database, also in processes started from here."""
        url = self._server.replace(f"/{database.DATABASE}?", f"/{name}?")
        os.environ.update(POSTGRES_DB_URL=url, DUCKDB_PATH=str(HOME / f"{name}.duckdb"))
        memories.settings.settings.cache_clear()
        ingest.settings.settings.cache_clear()

    def create(self, name: str, like: str | None = None) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)".encode())
            connection.execute(f"create database {name}{f' template {like}' if like else ''}".encode())
        for suffix in (".duckdb", ".duckdb.wal", ".duckdb.version"):
            target = HOME / f"{name}{suffix}"
            target.unlink(missing_ok=True)
            if like and (HOME / f"{like}{suffix}").exists():
                shutil.copyfile(HOME / f"{like}{suffix}", target)
        self.use(name)


def work(say: Callable[[str], None]) -> None:
    """Migrates, ingests and runs a cycle, the work that faults disturb; passes the name of each step to `say`."""
    say("migrate")
    migrate()
    say("ingest")
    with connect(autocommit=True) as connection:
        load(connection, sources.jsonl.read(HOME / "rest.jsonl"))
    run_cycle(wait=True, on_step=say)


def told() -> Told:
    """Every row that a person could query in the store, by relation."""
    with connect() as connection:
        return {
            name: Counter(
                str(row)
                for (row,) in connection.execute(f"select to_jsonb(t)::text from ({query}) as t".encode())  # noqa: S608
            )
            for name, query in TOLD.items()
        }


def shown(told: Told) -> Told:
    return {name: rows for name, rows in told.items() if name in MARTS}


def victim() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, "victim"], cwd=ROOT, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def until(process: subprocess.Popen[str], step: str) -> Iterator[tuple[str, float]]:
    """The steps that a process reaches, up to `step`, with the monotonic time of each in seconds."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line.strip(), time.monotonic()
        if line.strip() == step:
            return


def completed() -> bool:
    """Whether the work completes when it is run again."""
    process = victim()
    process.communicate(timeout=LONGEST_SECONDS)
    return process.returncode == 0


def killed(step: str, part: float, seconds: float, chance: random.Random) -> None:
    """Kills the work, or its last child, after a part (0 to 1) of the seconds that a step takes."""
    process = victim()
    for _ in until(process, step):
        pass
    time.sleep(part * seconds)
    own = psutil.Process(process.pid)
    children = [child for child in own.children(recursive=True) if child.is_running()] if own.is_running() else []
    target = chance.choice([own, *children[-1:]])
    target.send_signal(signal.SIGKILL)
    process.communicate(timeout=LONGEST_SECONDS)


def judged(tally: FaultCounts, before: Told | None, after: Told) -> None:
    """Tallies marts that are neither those before nor those after the work, and rows that differ after the next run."""
    tally.moments += 1
    if before is not None and shown(told()) not in (shown(before), shown(after)):
        tally.hidden += 1
    if not completed():
        tally.failed += 1
        return
    for name, rows in told().items():
        lost, doubled = after[name] - rows, rows - after[name]
        tally.lost += lost.total()
        tally.doubled += doubled.total()
        if lost or doubled:
            tally.where[name] += 1


def durations() -> Mapping[str, float]:
    """The seconds of each undisturbed step."""
    process = victim()
    steps = list(until(process, "end"))
    assert process.wait() == 0, "the work fails by itself"
    return {step: later - at for (step, at), (_, later) in pairwise(steps)}


def restarted(settings: StoreSettings, seconds: float, chance: random.Random) -> None:
    process = victim()
    for _ in until(process, "dbt"):
        pass
    time.sleep(chance.random() * seconds)
    database.stop(settings)
    database.start(settings)
    process.communicate(timeout=LONGEST_SECONDS)


@contextmanager
def disks(*folders: Path) -> Iterator[bool]:
    """Mounts a disk in memory on each folder; yields False when one cannot be mounted."""
    mounted: list[Path] = []
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(folder)]
            if subprocess.run(mount, check=False, capture_output=True).returncode == 0:
                mounted.append(folder)
        yield len(mounted) == len(folders)
    finally:
        for folder in mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fills the disk that a folder is on, but for LEFT_BYTES, while the block runs."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - LEFT_BYTES)
    try:
        yield
    finally:
        ballast.unlink()


def prepare(stores: Stores) -> None:
    """Creates the stores that faults disturb: one with a cycle over most of the sample, one of an earlier version."""
    lines = (ROOT / "sample" / "memories.jsonl").read_text().splitlines()
    middle = int(DREAMT_OF * len(lines))
    (HOME / "most.jsonl").write_text("\n".join(lines[:middle]) + "\n")
    (HOME / "rest.jsonl").write_text("\n".join(lines[middle:]) + "\n")
    for name, until_migration in (("dreamt", None), ("earlier", EARLIER)):
        stores.create(name)
        migrate(until=until_migration)
        records = sources.jsonl.read(HOME / "most.jsonl")
        with connect(autocommit=True) as connection:
            if name == "dreamt":
                load(connection, records)
            else:
                insert(connection, records)
        if name == "dreamt":
            run_cycle()


def insert(connection: Connection, records: Iterable[Record]) -> None:
    """Fills an earlier version's store through Codex's table alone, as today's loader needs today's schema."""
    for record in records:
        for row in rows_of(record) if isinstance(record, Document) else ():
            connection.execute(INSERT_UNLESS_THERE, row.values())


def main() -> None:
    chance = random.Random(number("SEED", 1))
    settings = StoreSettings(postgres_db_url=None)
    folders = (HOME, settings.postgres_folder.parent)
    with disks(*folders) as can_be_full:
        stores = Stores(database.start(settings))
        try:
            with sidecar() as url:
                os.environ["OLLAMA_URL"] = url
                prepare(stores)
                measure(stores, settings, chance, folders if can_be_full else ())
        finally:
            os.environ.pop("POSTGRES_DB_URL", None)
            database.stop(settings)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def measure(stores: Stores, settings: StoreSettings, chance: random.Random, can_be_full: Sequence[Path]) -> None:
    seconds: dict[str, float] = {}
    before: dict[str, Told | None] = {"earlier": None}
    after: dict[str, Told] = {}
    for base in ("earlier", "dreamt"):
        stores.create("peace", base)
        if base == "dreamt":
            before[base] = told()
        seconds |= durations() if base == "dreamt" else {"migrate": durations()["migrate"]}
        after[base] = told()
    print(f"{'fault':<24} {'moments':>7} {'hidden':>7} {'failed':>7} {'lost':>7} {'doubled':>7}", flush=True)

    def befallen(fault: str, base: str, moments: int, befall: Callable[[int], None]) -> None:
        tally = FaultCounts()
        for moment in range(moments):
            stores.create("befallen", base)
            befall(moment)
            judged(tally, before[base], after[base])
        print(tally.line(fault), flush=True)

    for place, step in enumerate(STEPS if MOMENTS else ()):
        moments = len(range(place, MOMENTS, len(STEPS)))
        base = "earlier" if step == "migrate" else "dreamt"

        def kill(moment: int, step: str = step, moments: int = moments) -> None:
            killed(step, (moment + chance.random()) / moments, seconds.get(step, 1.0), chance)

        befallen(f"killed: {step}", base, moments, kill)
    befallen("Postgres restarted", "dreamt", 2, lambda _: restarted(settings, seconds["dbt"], chance))
    befallen("two at once", "dreamt", 1, lambda _: two_at_once())
    if not can_be_full:
        print("no disk can be mounted here to be filled: run as root")
    for folder, what in zip(can_be_full, ("DuckDB", "Postgres"), strict=False):
        befallen(f"no disk left: {what}", "dreamt", 1, lambda _, folder=folder: no_disk_left(settings, folder))
    befallen("clock set back", "dreamt", 1, lambda _: clock_set_back())


def two_at_once() -> None:
    processes = [victim(), victim()]
    for process in processes:
        process.communicate(timeout=LONGEST_SECONDS)
    assert [process.returncode for process in processes] == [0, 0], "one of two failed"


def no_disk_left(settings: StoreSettings, folder: Path) -> None:
    with full(folder):
        assert not completed(), "there was room enough"
    # A server that cannot write stops.
    database.start(settings)


def clock_set_back() -> None:
    """Dates the published cycles a day ahead, as a clock that was then set back would."""
    with connect() as connection:
        connection.execute(
            "update dreams.cycles set as_of = as_of + %(ahead)s, published_at = published_at + %(ahead)s",
            {"ahead": timedelta(days=1)},
        )


@contextmanager
def sidecar() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "sidecar.serve"], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


if __name__ == "__main__":
    if IS_VICTIM:
        work(lambda step: print(step, flush=True))
        print("end", flush=True)
    else:
        main()
