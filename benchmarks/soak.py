"""Simulates a month of use and dream cycles in a quarter of an hour, and reports losses and growth.

    make soak                       # thirty days
    make soak DAYS=3 SEED=2

The month ends with last night. Its clock is compressed (benchmarks/month/clock.py), its work is not: each day runs a
cycle up to the first, second or third stage in turn, and a full one at 03:10 at night. Meanwhile the person and their
assistant note, search, review, correct, pin and delete through `Memory`, a source that is read again, and Codex's own
SQL, and a reader polls the store. Each day ends with an undisturbed cycle and a rebuild of all marts for its instant.

It prints what was done, what went wrong (each line is 0 in a sound store), and the first week beside the last.
"""

import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psutil
import psycopg

import ingest.settings
import memories.settings
from benchmarks.cycle import HOME, Peak, watched
from benchmarks.faults import sidecar
from benchmarks.month import checks
from benchmarks.month.clock import Clock, compressed
from benchmarks.month.person import Owner
from benchmarks.variables import number
from ingest.cycle.record import Cycle
from ingest.cycle.run import run_cycle
from ingest.publishing.marts import STAGES
from ingest.settings import settings as ingest_settings
from memories.errors import DreamsError
from memories.memory import Memory
from memories.postgres import database
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import migrate
from memories.settings import StoreSettings

DAYS = number("DAYS", 30)
BY_DAY = ("working_memory", "short_term", "consolidation")
MORNING, NIGHT = timedelta(hours=8), timedelta(days=1, hours=3, minutes=10)
ACTS = 20
LONGEST_PAUSE_SECONDS = 0.8
WEEK = 7
PEAK_POLL_SECONDS = 1.0
SIZES = """
select
    pg_database_size(current_database()),
    (select count(*) from public.memories),
    (select count(*) from pg_stat_activity where datname = current_database())
"""


@dataclass(slots=True)
class Day:
    """The seconds of a day's cycles by stage, and the sizes and resources at its end."""

    seconds: dict[str, float] = field(default_factory=dict)
    memories: int = 0
    database_bytes: int = 0
    duckdb_bytes: int = 0
    connections: int = 0
    open_files: int = 0
    resident_bytes: int = 0
    peak_bytes: int = 0


@dataclass(slots=True)
class Month:
    """Counts of cycles and acts, and of what went wrong."""

    days: list[Day] = field(default_factory=list)
    cycles: Counter[str] = field(default_factory=Counter)
    acts: int = 0
    acts_in_cycles: int = 0
    failed: int = 0
    rebuilds: int = 0
    differing: int = 0


class LivedMonth:
    """Runs the month: the person acts while cycles run in another thread."""

    def __init__(self, person: Owner, clock: Clock, connection: Connection, chance: random.Random) -> None:
        self.person, self.clock, self.connection, self.chance = person, clock, connection, chance
        self.month = Month()

    def live(self, first: datetime, days: int) -> None:
        self.clock.set(first)
        self.person.begin()
        with ThreadPoolExecutor(1) as dreamer:
            for number in range(days):
                day = Day()
                self.month.days.append(day)
                with watched(PEAK_POLL_SECONDS) as peak:
                    for stage, at in ((BY_DAY[number % len(BY_DAY)], MORNING), ("long_term", NIGHT)):
                        self.clock.set(first + timedelta(days=number) + at)
                        self.through(dreamer.submit(self.dream, stage))
                    self.rebuild()
                self.measure(day, peak)
                print(f"day {number + 1}: {day.memories} memories, {day.seconds}", file=sys.stderr, flush=True)

    def through(self, dreaming: "Future[Cycle | None]") -> None:
        """Acts ACTS times while a cycle runs, then waits for its end."""
        for _ in range(ACTS):
            self.month.acts += 1
            self.month.acts_in_cycles += not dreaming.done()
            self.person.act()
            time.sleep(self.chance.uniform(0, LONGEST_PAUSE_SECONDS))
        dreaming.result()

    def dream(self, stage: str) -> Cycle | None:
        try:
            cycle = run_cycle(stage)
        except (DreamsError, psycopg.Error) as error:
            self.month.failed += 1
            print(f"a cycle failed: {error}", file=sys.stderr, flush=True)
            return None
        self.month.cycles[stage] += 1
        self.month.days[-1].seconds.setdefault(stage, round(sum(cycle.seconds.values()), 2))
        return cycle

    def rebuild(self) -> None:
        """Compares what an undisturbed cycle published with a rebuild for the same instant."""
        quiet = self.dream("long_term")
        if quiet is None:
            return
        again = run_cycle(as_of=quiet.as_of)
        self.month.rebuilds += 1
        self.month.differing += sum(again.rows_changed.values())
        if any(again.rows_changed.values()):
            print(f"a rebuild differs: {again.rows_changed}", file=sys.stderr, flush=True)

    def measure(self, day: Day, peak: Peak) -> None:
        row = self.connection.execute(SIZES.encode()).fetchone()
        assert row is not None
        own = psutil.Process()
        day.database_bytes, day.memories, day.connections = (int(str(value)) for value in row)
        day.duckdb_bytes = ingest_settings().duckdb_file.stat().st_size
        day.open_files, day.resident_bytes, day.peak_bytes = own.num_fds(), own.memory_info().rss, peak.size


def wrong(connection: Connection, person: Owner, month: Month, reader: checks.Watcher) -> Mapping[str, int]:
    """Counts that should all be 0."""
    left = checks.rows_with(connection, person.gone)
    for where in filter(None, (left, reader.mixed)):
        print(f"where: {where}", file=sys.stderr)
    recalls_lost, recalls_doubled = checks.recalls(connection, person.held.keys(), person.recalled)
    return {
        "memories lost or altered": checks.lost(connection, person.held),
        "memories doubled": checks.doubled(connection, person.held.keys()),
        "recalls lost": recalls_lost,
        "recalls doubled": recalls_doubled,
        "orphaned rows": checks.orphans(connection),
        "deleted, found by a search": person.found_again,
        "deleted, in rows of any table": sum(left.values()),
        "deleted, in files of caches": checks.files_with(HOME, person.gone),
        "cycles failed": month.failed,
        "looks without a complete cycle": reader.hidden,
        "looks at two cycles mixed": reader.mixed.total(),
        "rows that differ from a rebuild": month.differing,
    }


def done(connection: Connection, person: Owner, month: Month, reader: checks.Watcher) -> Mapping[str, int]:
    recalls = sum(count for (_, kind), count in person.recalled.items() if kind in ("opened", "cited"))
    return {
        "days": len(month.days),
        **{name: person.did[name] for name in sorted(person.did)},
        "recalls (opened, cited)": recalls,
        **{f"cycles: {stage}": count for stage, count in month.cycles.items()},
        "nights": checks.count(connection, checks.NIGHTS),
        "replays": checks.count(connection, checks.REPLAYS),
        "acts while a cycle ran, %": round(100 * month.acts_in_cycles / month.acts),
        "rebuilds compared": month.rebuilds,
        "looks of a reader": reader.looked,
    }


def grown(days: Sequence[Day]) -> Mapping[str, float]:
    """Means over some days; the seconds of a stage are over the days that ran it."""
    seconds = {stage: [day.seconds[stage] for day in days if stage in day.seconds] for stage in STAGES}
    return {
        **{f"seconds of a cycle: {stage}": mean(took) for stage, took in seconds.items() if took},
        "memories": mean([day.memories for day in days]),
        "kB of the database a memory": mean([day.database_bytes / day.memories / 1e3 for day in days]),
        "kB of the DuckDB file a memory": mean([day.duckdb_bytes / day.memories / 1e3 for day in days]),
        "connections": mean([day.connections for day in days]),
        "open files": mean([day.open_files for day in days]),
        "MB of this process": mean([day.resident_bytes / 1e6 for day in days]),
        "MB with dbt and models, at most": mean([day.peak_bytes / 1e6 for day in days]),
    }


def report(did: Mapping[str, int], went_wrong: Mapping[str, int], days: Sequence[Day]) -> None:
    """Prints the results as tables, and as JSON."""
    for name, count in did.items():
        print(f"{name:<40} {count:>9}")
    print(f"\n{'of all that was acknowledged':<40} {'wrong':>9}")
    for name, count in went_wrong.items():
        print(f"{name:<40} {count:>9}")
    early, late = grown(days[:WEEK]), grown(days[-WEEK:])
    print(f"\n{'a day of the':<40} {'1st week':>9} {'last week':>9}")
    for name, value in early.items():
        print(f"{name:<40} {value:>9.1f} {late.get(name, 0):>9.1f}")
    print(json.dumps({"done": did, "wrong": went_wrong, "first_week": early, "last_week": late}), flush=True)


def soak(url: str, days: int, seed: int) -> None:
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
    with compressed(url) as clock, connect(url, autocommit=True) as connection:
        migrate(url)
        clock.set(first)
        with Memory(url) as memory, checks.Watcher(url) as reader:
            person = Owner(memory, url, clock, seed)
            life = LivedMonth(person, clock, connection, random.Random(seed))
            life.live(first, days)
        went_wrong = wrong(connection, person, life.month, reader)
        report(done(connection, person, life.month, reader), went_wrong, life.month.days)


def main() -> None:
    settings = StoreSettings(postgres_db_url=None)
    try:
        url = database.start(settings)
        with sidecar() as models_url:
            os.environ.update(POSTGRES_DB_URL=url, OLLAMA_URL=models_url)
            memories.settings.settings.cache_clear()
            ingest.settings.settings.cache_clear()
            soak(url, DAYS, number("SEED", 1))
    finally:
        database.stop(settings)
        shutil.rmtree(settings.postgres_folder.parent, ignore_errors=True)
        shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
