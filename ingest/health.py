"""Checks every part of the installation, and says what would stop the next command and how to fix it."""

import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version

import psycopg

from ingest.dbt.cache import check_free, install_extension
from ingest.settings import settings
from ingest.vectors.embed import count_waiting
from memories.embedding.servers import running, served
from memories.errors import DreamsError, HomeUnsuitable, InputError
from memories.faults import kept, tell
from memories.home import close_to_others
from memories.postgres.database import (
    Connection,
    connect,
    url,
    without_password,
)
from memories.postgres.migrate import check_suitable, pending
from memories.settings import settings as store_settings

LEAST_FREE_BYTES = 1_000_000_000
REPORTED_FAULTS = 3
LONGEST_CYCLE_HOURS = 12


# pg_locks shows the 64-bit number of an advisory lock in two halves; the number is that of CYCLE_LOCK.
LOCK_HOLDER = """
select activity.pid, round(extract(epoch from clock_timestamp() - activity.backend_start) / 3600)
from pg_locks as locks
inner join pg_stat_activity as activity using (pid)
where locks.locktype = 'advisory' and locks.granted and activity.datname = current_database()
    and (locks.classid::bigint << 32 | locks.objid::bigint) = hashtextextended('codex-dreams cycle', 0)
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One part, whether it is in order, and what was found (or what to do)."""

    part: str
    ok: bool
    detail: str


def checks() -> Iterator[Check]:
    """Checks each part in turn; leaves out what is in Postgres when it does not answer."""
    yield _checked("home", _home)
    yield _disk()
    yield _checked("cache", _cache)
    yield _checked("extension", _extension)
    yield _checked("port", _port)
    yield _checked("models", _models)
    try:
        with connect() as connection:
            yield Check("postgres", True, f"{connection.info.server_version // 10000} at {without_password(url())}")
            yield from _store(connection)
    except (DreamsError, OSError, psycopg.Error) as error:
        yield Check("postgres", False, tell(error).sentence)


def report() -> Iterator[str]:
    """Lines to send with a bug report: versions, checks, and where unexpected errors came from. They hold no memory."""
    yield f"codex-dreams {version('codex-dreams')}, Python {platform.python_version()}, {platform.platform()}"
    for check in checks():
        yield f"{check.part}: {'ok' if check.ok else 'NOT OK'}: {check.detail}"
    for file in kept()[:REPORTED_FAULTS]:
        yield f"\n{file.name}\n{file.read_text(encoding='utf-8')}"


def _checked(part: str, look: Callable[[], str]) -> Check:
    try:
        return Check(part, True, look())
    except (DreamsError, OSError) as error:
        return Check(part, False, tell(error).sentence)


def _home() -> str:
    folder = store_settings().dreams_home
    close_to_others(folder)
    made = folder if folder.is_dir() else next(each for each in folder.parents if each.is_dir())
    if not os.access(made, os.R_OK | os.W_OK | os.X_OK):
        raise HomeUnsuitable(f"this user may not write to {made}: run `chmod u+rwx` on it, or set DREAMS_HOME")
    return f"{folder} is for its owner alone"


def _disk() -> Check:
    home = store_settings().dreams_home
    made = next(folder for folder in (home, *home.parents) if folder.is_dir())
    free = shutil.disk_usage(made).free
    told = f"{free / 1e9:.1f} GB free at {made}"
    is_enough = free >= LEAST_FREE_BYTES
    return Check(
        "disk", is_enough, told if is_enough else f"{told}: make room for at least {LEAST_FREE_BYTES / 1e9:.0f}"
    )


def _cache() -> str:
    check_free(settings().duckdb_file)
    return f"{settings().duckdb_file} is free to use"


def _extension() -> str:
    return f"DuckDB's postgres extension is in {install_extension()}"


def _port() -> str:
    """Checks that `dreams serve` could listen on its port, or does."""
    store = store_settings()
    port = int(store.sidecar_port)
    with closing(socket.socket(socket.AF_INET6 if ":" in store.sidecar_host else socket.AF_INET)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((store.sidecar_host, port))
        except OSError as error:
            if served(store) is not None:
                return f"the sidecar serves at port {port}"
            raise InputError(
                f"port {port} of {store.sidecar_host} cannot be used ({error.strerror}): end the program that uses it,"
                " or set SIDECAR_PORT to another"
            ) from error
    return f"port {port} is free for `dreams serve`"


def _models() -> str:
    """Finds the server that the next search by meaning would ask."""
    store = store_settings()
    server = running(store)
    if server is None:
        return "no sidecar runs; the next search starts one"
    return f"{'OLLAMA_URL names' if store.ollama_url else 'a sidecar answers at'} {server.url}"


def _store(connection: Connection) -> Iterator[Check]:
    check_suitable(connection)
    waiting = pending()
    if waiting:
        yield Check("schema", False, f"{len(waiting)} migrations are waiting: run `dreams db migrate`")
        return
    yield Check("schema", True, "up to date")
    model = store_settings().embedding_model
    failed = _count(connection, "select count(*) from dreams.embedding_failures")
    detail = f"{count_waiting(connection, model)} memories wait for {model}, {failed} of them failed before"
    yield Check("embeddings", failed == 0, detail + (": see dreams.embedding_failures" if failed else ""))
    quarantined = _count(connection, "select count(*) from dreams.annotation_quarantine")
    yield Check("annotations", True, f"{quarantined} answers in quarantine; the rules' annotations stand")
    yield _last_cycle(connection)
    yield _clock(connection)
    yield _lock(connection)


def _last_cycle(connection: Connection) -> Check:
    row = connection.execute(
        "select state, as_of, error from dreams.cycles order by started_at desc limit 1"
    ).fetchone()
    if row is None:
        return Check("cycle", True, "none yet: `dreams run` starts the first")
    state, as_of, error = row
    return Check(
        "cycle",
        state != "failed",
        f"the last one is {state}, as of {as_of:%Y-%m-%d %H:%M}" + (f": {error}" if error else ""),
    )


def _clock(connection: Connection) -> Check:
    row = connection.execute("select parameters ->> 'timezone', timezone from dreams.visible_cycle").fetchone()
    asked, kept = row or (None, store_settings().timezone)
    if row is not None and asked != kept:
        detail = f"Postgres knows no time zone {asked!r}, so views keep {kept}: correct TIMEZONE and run a cycle"
        return Check("clock", False, detail)
    return Check("clock", True, f"nights and times of day are those of {kept}")


def _count(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(str(row[0])) if row else 0


def _lock(connection: Connection) -> Check:
    """Checks that no session has held the lock of cycles longer than any cycle takes."""
    holder = connection.execute(LOCK_HOLDER).fetchone()
    if holder is None:
        return Check("lock", True, "no cycle runs")
    process, hours = holder
    if float(str(hours)) < LONGEST_CYCLE_HOURS:
        return Check("lock", True, "a cycle runs")
    remedy = f"end its program, or run `select pg_terminate_backend({process})`"
    return Check(
        "lock", False, f"process {process} of Postgres has held the lock of cycles for {hours} hours: {remedy}"
    )
