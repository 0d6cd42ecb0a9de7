"""Removes the traces that Postgres keeps of deleted rows: old pages, planner statistics, the write-ahead log."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg
from psycopg import sql

from memories.documents.receipt import Remaining
from memories.errors import StoreError
from memories.postgres.database import Connection
from memories.settings import StoreSettings

# How long to wait for a lock in total, over ATTEMPTS tries: during each try, other sessions queue behind it.
PATIENCE_SECONDS = 10.0
ATTEMPTS = 5
POLL_SECONDS = 0.1
INDEX_BUILDING_MEMORY = "256MB"
STATISTICS = "pg_catalog.pg_statistic"
AGAIN = "`dreams db scrub` runs again"

# All our tables: counts of dead rows do not show where deleted bytes are, since a vacuum resets the counts and leaves
# the bytes.
TABLES = """
select format('%I.%I', n.nspname, c.relname), pg_total_relation_size(c.oid)
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r' and (n.nspname = 'dreams' or c.oid = to_regclass('public.memories'))
order by 2
"""
# A transaction that began before the scrub can still see deleted rows, so Postgres keeps them.
ONLOOKERS = """
select pid, application_name from pg_stat_activity
where
    datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
    and greatest(age(backend_xmin), age(backend_xid)) > age(%s::xid)
order by pid
"""
CLEAR_STATISTICS = """
select pg_clear_attribute_stats(schemaname, tablename, attname, inherited) from pg_stats
where format('%%I.%%I', schemaname, tablename) = %s
"""
STALE_STATISTICS = """
select from pg_stats as s
inner join pg_attribute as a
    on a.attrelid = format('%%I.%%I', s.schemaname, s.tablename)::regclass and a.attname = s.attname
where
    format('%%I.%%I', s.schemaname, s.tablename) = %s
    and (a.attstattarget = 0 or pg_relation_size(a.attrelid) = 0)
limit 1
"""
FUTURE_LOG_FILES = """
select count(*) from pg_ls_waldir()
where name ~ '^[0-9A-F]{24}$' and name > pg_walfile_name(pg_current_wal_insert_lsn())
"""
OLD_LOG_FILES = """
select count(*) from pg_ls_waldir()
where name ~ '^[0-9A-F]{24}$' and name < (select redo_wal_file from pg_control_checkpoint())
"""


@dataclass(slots=True)
class Scrubbed:
    """The number and former size of the tables; what another scrub may remove, and what none by this user can."""

    tables: int
    size_bytes: int
    again: list[Remaining] = field(default_factory=list)
    beyond: list[Remaining] = field(default_factory=list)

    @property
    def remains(self) -> Sequence[Remaining]:
        return (*self.again, *self.beyond)


def size_bytes(connection: Connection) -> int:
    """Returns how many bytes a scrub has to rewrite."""
    return sum(size for _, size in _tables(connection))


def scrub(
    connection: Connection,
    store: StoreSettings,
    on_step: Callable[[str], None] = lambda _: None,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Scrubbed:
    """Rewrites all tables of the store and the planner's statistics, then removes old files of the write-ahead log.

    Each table is locked while it is rewritten; one that others hold too long is skipped and reported. The connection
    must be in autocommit mode. Raises StoreError when the embedded server's disk has no room for a second copy of the
    largest table.
    """
    tables = _tables(connection)
    _check_room(store, tables)
    found = Scrubbed(len(tables), sum(size for _, size in tables))
    _wait_for_onlookers(connection, found, patience_seconds)
    timeout = f"{patience_seconds / ATTEMPTS * 1000:.0f}ms"
    connection.execute("select set_config('lock_timeout', %s, false)", (timeout,))
    connection.execute("select set_config('maintenance_work_mem', %s, false)", (INDEX_BUILDING_MEMORY,))
    for name, _ in tables:
        on_step(f"rewrite {name}")
        _clear_statistics(connection, name, found)
        _rewrite(connection, name, found)
    on_step("renew statistics and log")
    _rewrite(connection, STATISTICS, found)
    _renew_log(connection, found)
    _empty_server_log(store, found)
    return found


def _tables(connection: Connection) -> Sequence[tuple[str, int]]:
    return [(str(name), int(str(size))) for name, size in connection.execute(TABLES)]


def _check_room(store: StoreSettings, tables: Sequence[tuple[str, int]]) -> None:
    if store.postgres_db_url is not None:
        return
    largest = max((size for _, size in tables), default=0)
    free = shutil.disk_usage(store.postgres_folder).free
    if free < largest:
        raise StoreError(
            f"rewriting the largest table takes {largest / 1e6:.0f} MB, but only "
            f"{free / 1e6:.0f} MB are free: make room on the disk of {store.postgres_folder}"
        )


def _wait_for_onlookers(connection: Connection, found: Scrubbed, seconds: float) -> None:
    mark = _only(connection, "select pg_current_xact_id()::xid::text")
    deadline = time.monotonic() + seconds
    while (onlookers := connection.execute(ONLOOKERS, (mark,)).fetchall()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    found.again += [
        Remaining(
            f"deleted rows that an open transaction can still see (process {process}, {application or 'unnamed'})",
            f"that transaction ends, and {AGAIN}",
        )
        for process, application in onlookers
    ]


def _clear_statistics(connection: Connection, name: str, found: Scrubbed) -> None:
    """Clears a table's planner statistics: ANALYZE keeps those of empty tables and of columns without a target."""
    if _only(connection, "select to_regproc('pg_catalog.pg_clear_attribute_stats')::text") is not None:
        # Only the owner may. For others `_rewrite` reports the table, since it is not rewritten either.
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute(CLEAR_STATISTICS, (name,))
    elif connection.execute(STALE_STATISTICS, (name,)).fetchone():
        found.beyond.append(
            Remaining(
                f"planner statistics of {name}, sampled when it was not empty or by an earlier version",
                "this Postgres is of version 18 or later, and it is scrubbed",
            )
        )


def _rewrite(connection: Connection, name: str, found: Scrubbed) -> None:
    before = _file_of(connection, name)
    if not _vacuum(connection, name):
        found.again.append(Remaining(f"old pages of {name}, which others are using", f"they release it, and {AGAIN}"))
    elif _file_of(connection, name) == before:
        found.beyond.append(Remaining(f"old pages of {name}", "its owner, or a superuser, runs `dreams db scrub`"))


def _vacuum(connection: Connection, name: str) -> bool:
    """Writes a table and its indexes to new files; False when others hold it. Without the right, Postgres warns."""
    for _ in range(ATTEMPTS):
        with suppress(psycopg.errors.LockNotAvailable):
            connection.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.SQL(name)))
            return True
    return False


def _file_of(connection: Connection, name: str) -> object:
    row = connection.execute("select pg_relation_filenode(%s::regclass)", (name,)).fetchone()
    return row and row[0]


def _renew_log(connection: Connection, found: Scrubbed) -> None:
    """Overwrites log files that wait to be recycled, switches to a new one, and has a checkpoint remove older ones."""
    try:
        for _ in range(int(str(_only(connection, FUTURE_LOG_FILES)))):
            connection.execute("select pg_logical_emit_message(false, 'dreams', '')")
            connection.execute("select pg_switch_wal()")
        connection.execute("select pg_switch_wal()")
        connection.execute("checkpoint")
        kept = int(str(_only(connection, OLD_LOG_FILES)))
    except psycopg.errors.InsufficientPrivilege:
        found.beyond.append(
            Remaining("the write-ahead log", "the server has written over it, or a superuser runs `dreams db scrub`")
        )
        return
    if kept:
        found.beyond.append(
            Remaining(
                f"{kept} files of the write-ahead log, kept for a replica or an archive",
                "the server releases them (wal_keep_size, replication slots, archive_command)",
            )
        )
    if _only(connection, "select current_setting('wal_recycle')") == "on":
        found.beyond.append(
            Remaining(
                "files of the write-ahead log that wait to be used again",
                "the server has written over them, or is restarted with wal_recycle = off and scrubbed",
            )
        )


def _empty_server_log(store: StoreSettings, found: Scrubbed) -> None:
    if store.postgres_db_url is not None:
        found.beyond.append(
            Remaining("replicas, archives, base backups and the log of this Postgres", "its administrator deletes them")
        )
    elif (log := store.postgres_folder / "server.log").exists():
        os.truncate(log, 0)


def _only(connection: Connection, query: LiteralString) -> object:
    row = connection.execute(query).fetchone()
    return row and row[0]
