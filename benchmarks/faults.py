"""What a dream cycle survives: killed at random moments, Postgres restarted under it, no disk left, the clock set back.

    make bench-faults                       # fifty moments, half an hour
    make bench-faults MOMENTS=12 SEED=2

A store that has dreamt of most of the sample takes in the rest and dreams again; beside it one is left in peace. Each
moment a process is killed (-9), alone or as the child of it that is at work, somewhere in the step named. Counted are:
`hidden`, cycles that were seen half or not at all afterwards; `failed`, next runs that did not complete; `lost` and
`doubled`, rows that the store has fewer or more of, after the next run, than the one left in peace.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from memories.postgres import database
from memories.postgres.database import connect
from memories.postgres.migrate import migrate
from memories.settings import StoreSettings

MOMENTS = number("MOMENTS", 50)
STEPS = ("migrate", "ingest", "annotate", "embed", "dbt", "write_back")
# A store of this version is what migrations are killed over.
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
class Tally:
    """What went wrong, over some moments."""

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
    """Databases of one server, and their DuckDB files: copies of what a fault is to befall."""

    def __init__(self, server: str) -> None:
        self._server = server

    def use(self, name: str) -> None:
        """The settings point to it from now on, those of processes started from here too."""
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
    """What is disturbed: everything from an earlier version's store to a published cycle."""
    say("migrate")
    migrate()
    say("ingest")
    with connect(autocommit=True) as connection:
        load(connection, sources.jsonl.read(HOME / "rest.jsonl"))
    run_cycle(wait=True, on_step=say)


def told() -> Told:
    """All that a person could ask of the store, row by row."""
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
    """The steps it comes to, with the instant of each, no further than that one."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line.strip(), time.monotonic()
        if line.strip() == step:
            return


def completed() -> bool:
    """Whether the work is done when it is begun again."""
    process = victim()
    process.communicate(timeout=LONGEST_SECONDS)
    return process.returncode == 0


def killed(step: str, part: float, seconds: float, chance: random.Random) -> None:
    """Kills the work, or a child of it, after a part of the seconds that a step takes."""
    process = victim()
    for _ in until(process, step):
        pass
    time.sleep(part * seconds)
    own = psutil.Process(process.pid)
    children = [child for child in own.children(recursive=True) if child.is_running()] if own.is_running() else []
    target = chance.choice([own, *children[-1:]])
    target.send_signal(signal.SIGKILL)
    process.communicate(timeout=LONGEST_SECONDS)


def judged(tally: Tally, before: Told | None, after: Told) -> None:
    """What is seen now is what was before, or all that is to come; what is there after the next run is all of it."""
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
    """Seconds of each step, undisturbed."""
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
    """Each folder is a disk of its own, in memory; False where none can be mounted."""
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
    """Next to nothing is left of the disk that a folder is on."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - LEFT_BYTES)
    try:
        yield
    finally:
        ballast.unlink()


def prepare(stores: Stores) -> None:
    """The stores that faults befall: one that has dreamt of most of the sample, one of an earlier version."""
    lines = (ROOT / "sample" / "memories.jsonl").read_text().splitlines()
    middle = int(DREAMT_OF * len(lines))
    (HOME / "most.jsonl").write_text("\n".join(lines[:middle]) + "\n")
    (HOME / "rest.jsonl").write_text("\n".join(lines[middle:]) + "\n")
    for name, until_migration in (("dreamt", None), ("earlier", EARLIER)):
        stores.create(name)
        migrate(until=until_migration)
        with connect(autocommit=True) as connection:
            load(connection, sources.jsonl.read(HOME / "most.jsonl"))
        if name == "dreamt":
            run_cycle()


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
        tally = Tally()
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
    # A server that cannot write ends.
    database.start(settings)


def clock_set_back() -> None:
    """The last cycle was published by a clock that was a day ahead."""
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
