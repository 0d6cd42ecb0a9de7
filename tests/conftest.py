"""Shared fixtures: one embedded Postgres, and a separate database for each test that asks for one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import hypothesis
import ollama
import psycopg
import pytest
from filelock import FileLock

import ingest.settings
import memories.settings
from ingest import sources
from ingest.cycle.run import run_cycle
from ingest.loading.load import load
from memories.postgres import database
from memories.postgres.database import connect
from memories.postgres.migrate import migrate

ROOT = Path(__file__).resolve().parent.parent
Dreams = Callable[..., subprocess.CompletedProcess[str]]
# Each test's database has this name, and its DuckDB file one path, so that dbt reuses the project it has parsed.
OWN = "own"
# Each test process has one core, on which threads that wait for one another take twice the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Programs that tests start keep what Python compiles, rather than each compiling it again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Tests interrupt programs, which would ignore it if pytest was started with interrupts ignored, as by `&` in a script.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The time of an example means nothing on a busy machine.
hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")


def forget_settings() -> None:
    memories.settings.settings.cache_clear()
    ingest.settings.settings.cache_clear()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Starts a server and yields the connection string of its default database, which no test uses."""
    home = Path(tempfile.mkdtemp(prefix="dreams-"))
    patch = pytest.MonkeyPatch()
    for name in ("OLLAMA_URL", "ANNOTATION_MODEL", "EMBEDDING_MODEL"):
        patch.delenv(name, raising=False)
    patch.setenv("DREAMS_HOME", str(home))
    patch.setenv("DUCKDB_PATH", str(home / "memory.duckdb"))
    patch.setenv("DBT_LOG_LEVEL_FILE", "none")
    store = memories.settings.StoreSettings(postgres_db_url=None, dreams_home=home)
    # Each pytest process has a server, but they share what the first start sets up on a machine.
    with FileLock(tmp_path_factory.getbasetemp().parent / "server.lock"):
        url = database.start(store)
    patch.setenv("POSTGRES_DB_URL", url)
    forget_settings()
    # These databases need not survive a power cut, and fsync is slow.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    yield url
    stop_sidecar(home)
    database.stop(store)
    shutil.rmtree(home, ignore_errors=True)
    if store.postgres_folder.parent != home:
        shutil.rmtree(store.postgres_folder.parent, ignore_errors=True)
    patch.undo()
    forget_settings()


def stop_sidecar(home: Path) -> None:
    """Ends the sidecar that a search started in the background, which would run for fifteen minutes."""
    file = home / "sidecar.json"
    if file.exists():
        os.kill(json.loads(file.read_text())["pid"], signal.SIGTERM)


def new_database(server: str, template: str | None = None, name: str | None = None) -> str:
    """Creates a database, by default with a unique name, in place of any old one; returns its connection string."""
    name = name or f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)")
        connection.execute(f"create database {name}" + (f" template {template}" if template else ""))
    return server.replace("/dreams?", f"/{name}?")


def name_of(url: str) -> str:
    return url.split("?")[0].rsplit("/", 1)[1]


@pytest.fixture(scope="session")
def migrated_template(server: str) -> str:
    url = new_database(server)
    migrate(url)
    return name_of(url)


def eventually(holds: Callable[[], object], seconds: float = 60) -> bool:
    """Whether `holds` becomes true within some seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_anyone_waiting() -> bool:
    """Whether a connection to the settings' store waits for a lock."""
    with connect() as connection:
        return bool(
            connection.execute(
                "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            ).fetchone()
        )


@contextmanager
def sidecar(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Runs a separate sidecar; yields its process and its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "sidecar.serve", *arguments],
        cwd=ROOT, env=os.environ | environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout and process.stderr
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield process, json.loads(line)["url"]
        finally:
            process.kill()


@pytest.fixture(scope="session")
def ollama_url(server: str) -> Iterator[str]:
    """The URL of a shared sidecar with the real model, for tests of anything but its start."""
    with sidecar("--child") as (_, url):
        yield url


@pytest.fixture(scope="session")
def dreamt_template(
    server: str, migrated_template: str, ollama_url: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """The name of a database with the sample after one cycle, embedded by the real model, and its DuckDB file."""
    url, cache = new_database(server, migrated_template, OWN), Path(os.environ["DUCKDB_PATH"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OLLAMA_URL", ollama_url)
        use(url, cache, patch)
        with database.connect(autocommit=True) as connection:
            load(connection, sources.sample.read())
        run_cycle()
    forget_settings()
    folder = tmp_path_factory.mktemp("dreamt")
    for file in cache.parent.glob(f"{cache.name}*"):
        shutil.move(file, folder)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"alter database {OWN} rename to dreamt")
    return "dreamt", folder / cache.name


def use(url: str, cache: Path, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("POSTGRES_DB_URL", url)
    patch.setenv("DUCKDB_PATH", str(cache))
    forget_settings()
    return url


def carried_to(file: Path, dreamt: Path) -> Path:
    """Copies the DuckDB file `dreamt`, with its version, to `file`."""
    for suffix in ("", ".version"):
        shutil.copy(f"{dreamt}{suffix}", f"{file}{suffix}")
    return file


@pytest.fixture
def duckdb_file(server: str) -> Iterator[Path]:
    """The path of a test's DuckDB file, which is deleted after the test."""
    file = Path(os.environ["DUCKDB_PATH"])
    yield file
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()


@pytest.fixture
def empty_url(server: str, duckdb_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database; the settings point to it."""
    yield use(new_database(server, name=OWN), duckdb_file, monkeypatch)
    forget_settings()


@pytest.fixture
def store_url(server: str, migrated_template: str, duckdb_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated store without memories; the settings point to it."""
    yield use(new_database(server, migrated_template, OWN), duckdb_file, monkeypatch)
    forget_settings()


@pytest.fixture
def dreamt_url(
    server: str, dreamt_template: tuple[str, Path], ollama_url: str, duckdb_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A store with the sample after one cycle, its DuckDB file, and a sidecar; the settings point to them."""
    template, dreamt = dreamt_template
    monkeypatch.setenv("OLLAMA_URL", ollama_url)
    yield use(new_database(server, template, OWN), carried_to(duckdb_file, dreamt), monkeypatch)
    forget_settings()


@contextmanager
def ollama_server(answer: Callable[[dict[str, Any]], tuple[int, dict[str, object]]]) -> Iterator[ollama.Client]:
    """A client of a server that passes each request's JSON body to `answer` and sends back its status and JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield ollama.Client(host=f"http://127.0.0.1:{listener.server_port}")
    finally:
        listener.shutdown()
        listener.server_close()


@pytest.fixture
def dreams() -> Dreams:
    """Runs the `dreams` command in a separate process, with the current settings."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "dreams.py"), *arguments],
            cwd=ROOT, capture_output=True, text=True, timeout=300, env=dict(os.environ), **options,  # type: ignore[call-overload]
        )  # fmt: skip

    return run


def sentence(result: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on standard error, unwrapped."""
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())
