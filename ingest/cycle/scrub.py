"""Erases every copy of deleted memories on the disk: in the cycles' history and caches, then in Postgres."""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from ingest.cycle.run import cycle_lock
from ingest.dbt.cache import check_free
from ingest.publishing import forgetting
from ingest.settings import settings as ingest_settings
from memories.documents import dead_rows
from memories.documents.dead_rows import AGAIN, Scrubbed
from memories.documents.receipt import Remaining
from memories.lexical.index import folder_of
from memories.postgres.database import Connection, connect, url
from memories.recall.events import EventWriter
from memories.settings import settings

BUSY_SECONDS = 10
# Reports of cycles quote memories.
WITHOUT_REPORTS = (
    "delete from artifact where key glob 'dreams-found-*'",
    "delete from artifact_collection where key glob 'dreams-found-*'",
    "vacuum",
    "pragma wal_checkpoint(truncate)",
)
# Leftovers of interrupted runs, and dbt's output and logs, as patterns in DREAMS_HOME.
LEFT_BEHIND = ("duckdb_spill", "rebuild-*", "unpublished*", "dbt_target/*/said.txt", "dbt_target/*/*.log*")


def is_due() -> bool:
    """Whether anything was deleted since the last scrub."""
    with connect() as connection:
        return bool(_deletions(connection))


def size_bytes() -> int:
    """The bytes that a scrub of Postgres rewrites, which is also the most extra room it takes meanwhile."""
    with connect() as connection:
        return dead_rows.size_bytes(connection)


def scrub(*, wait: bool = False, on_step: Callable[[str], None] = lambda _: None) -> Scrubbed:
    """Scrubs the store, and returns what remains. No cycle runs meanwhile.

    Deletes the DuckDB file if memories were deleted since the last whole cycle; the next cycle computes it again.
    Raises CycleInProgress when a cycle runs (with `wait`, waits for it instead), CacheLocked when another program has
    the DuckDB file open, StoreError as `dead_rows.scrub` does.
    """
    with cycle_lock(url(), wait, on_step) as connection:
        deletions = _deletions(connection)
        _bring_events(connection)
        gone = forgetting.waiting(connection)
        if gone:
            on_step("forget")
            _remove_cache(ingest_settings().duckdb_file)
        forgetting.forget(connection, gone)
        _remove_left_behind(settings().dreams_home)
        found = dead_rows.scrub(connection, settings(), on_step)
        found.again += _compact_runs(settings().dreams_home / "prefect" / "prefect.db")
        if not found.again:
            connection.execute("delete from dreams.unscrubbed where deletion_id = any(%s)", (list(deletions),))
    return found


def _deletions(connection: Connection) -> Sequence[int]:
    return [int(str(number)) for (number,) in connection.execute("select deletion_id from dreams.unscrubbed")]


def _bring_events(connection: Connection) -> None:
    """Flushes the recalls of programs that ended, except those of deleted memories, and so removes their files."""
    events = EventWriter(settings().dreams_home / "events" / folder_of(connection).name)
    events.flush(connection)
    events.close()


def _remove_cache(cache: Path) -> None:
    check_free(cache)
    for path in cache.parent.glob(f"{cache.name}*"):
        path.unlink(missing_ok=True)


def _remove_left_behind(home: Path) -> None:
    for path in (path for pattern in LEFT_BEHIND for path in home.glob(pattern)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _compact_runs(database: Path) -> Sequence[Remaining]:
    """Removes the reports from Prefect's database, and compacts it; the next scheduled cycle leaves a new report."""
    if not database.exists():
        return ()
    try:
        with closing(sqlite3.connect(database, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            for statement in WITHOUT_REPORTS:
                connection.execute(statement)
    except sqlite3.OperationalError as error:
        what = f"reports of earlier cycles in {database} ({error})"
        return [Remaining(what, f"the scheduler releases it, and {AGAIN}")]
    return ()
