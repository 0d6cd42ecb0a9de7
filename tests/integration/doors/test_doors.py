"""Every interface keeps its files private, whatever the folder is called, and answers errors with one sentence."""

import asyncio
import json
import socket
from pathlib import Path

import httpx
import psycopg
import pytest

from ingest.cycle.rebuild import compare_with_rebuild
from memories.errors import StoreUnreachable
from memories.home import CONTENTS
from memories.mcp.catalogue import TOOLS
from memories.mcp.server import AssistantStore, answer
from memories.mcp.shown import Shown
from memories.postgres.database import connect
from sidecar.api.app import create_app
from sidecar.registry import Registry
from sidecar.settings import SidecarSettings
from tests.conftest import Dreams, forget_settings, sentence

ODD = 'it\'s 100% "odd" \\ 水, $(home)\n`x`'


def open_to_others(folder: Path) -> list[Path]:
    """The files and folders that others may use; a link has no mode of its own."""
    paths = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    return [path for path in paths if path.stat().st_mode & 0o077]


@pytest.fixture
def home(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an odd name for a store's caches, which does not exist yet."""
    folder = tmp_path / ODD
    monkeypatch.setenv("DREAMS_HOME", str(folder))
    monkeypatch.setenv("DUCKDB_PATH", str(folder / "memory.duckdb"))
    forget_settings()
    return folder


def test_a_session_in_an_odd_folder_leaves_nothing_open_to_others(
    home: Path, dreams: Dreams, ollama_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OLLAMA_URL", ollama_url)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "it's temporary"))
    (tmp_path / "it's temporary").mkdir()
    forget_settings()
    commands = [
        ["store", "The spare key hangs behind the clock"], ["search", "key"], ["run"],
        ["db", "backup", str(tmp_path / "all.zip")],
    ]  # fmt: skip
    for command in commands:
        ran = dreams(*command, umask=0)
        assert ran.returncode == 0, ran.stderr
    assert (home / "memory.duckdb").exists()
    assert open_to_others(home) == []
    unnamed = [path.name for path in home.iterdir() if not any(path.match(name) for name in CONTENTS)]
    assert unnamed == []
    assert (tmp_path / "all.zip").stat().st_mode & 0o777 == 0o600
    assert set(compare_with_rebuild().values()) == {0}


def test_what_was_left_open_is_closed_by_the_next_command(home: Path, dreams: Dreams) -> None:
    (home / "dbt_target").mkdir(parents=True, mode=0o755)
    for name in ("memory.duckdb", "dbt_target/said.txt"):
        (home / name).write_bytes(b"")
        (home / name).chmod(0o644)
    (home / "memory.duckdb").unlink()
    home.chmod(0o755)
    assert dreams("stats").returncode == 0
    assert open_to_others(home) == []


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"DREAMS_HOME": "README.md"}, "is not a folder"),
        ({"DREAMS_HOME": "/tmp"}, "chmod 700"),
        ({"DUCKDB_MEMORY_LIMIT": "lots"}, "DUCKDB_MEMORY_LIMIT"),
        ({"PGTZ": "Mars/Olympus"}, "PGTZ"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_one_sentence_and_health_says_it_too(
    store_url: str, dreams: Dreams, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for command in ("run", "health"):
        ran = dreams(command)
        assert ran.returncode in (1, 2)
        assert says in sentence(ran) + ran.stdout


def test_health_names_what_would_stop_the_next_command(
    store_url: str, dreams: Dreams, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DUCKDB_PATH", str(tmp_path / "memory.duckdb"))
    (tmp_path / "memory.duckdb").write_text("not DuckDB's")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("SIDECAR_PORT", str(taken.getsockname()[1]))
        ran = dreams("health", "--json")
    wrong = {check["part"]: check["detail"] for check in json.loads(ran.stdout) if not check["ok"]}
    assert ran.returncode == 1
    assert set(wrong) == {"cache", "port"}
    assert "remove it" in wrong["cache"]
    assert "SIDECAR_PORT" in wrong["port"]


def broken(url: str) -> None:
    """Breaks a store: it lacks a table that this version needs, though its migrations are recorded."""
    with psycopg.connect(url) as connection:
        connection.execute("drop table public.memories cascade")


def test_a_database_that_somebody_changed_is_one_sentence_at_every_door(store_url: str, dreams: Dreams) -> None:
    broken(store_url)
    ran = dreams("search", "key", "--words")
    assert ran.returncode == 1
    assert "dreams health" in sentence(ran)
    store = AssistantStore()
    try:
        told = answer(store, TOOLS["search_memory"], {"query": "key"}, Shown())
    finally:
        store.close()
    assert told.is_error
    assert "dreams health" in told.content[0].text


def test_an_unexpected_fault_is_an_error_object_over_http(store_url: str) -> None:
    app = create_app(Registry([]), SidecarSettings(), None)

    @app.get("/v1/fails")
    def fails() -> None:
        raise ZeroDivisionError("the key hangs behind the clock")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/v1/fails")

    answered = asyncio.run(ask())
    assert answered.status_code == 500
    assert answered.json()["error"]["type"] == "server_error"
    assert "dreams health --report" in answered.json()["error"]["message"]
    assert "clock" not in answered.text


def test_a_report_names_versions_checks_and_faults(store_url: str, dreams: Dreams) -> None:
    ran = dreams("health", "--report")
    assert "Python 3." in ran.stdout
    assert "postgres: ok" in ran.stdout


def test_a_server_that_another_user_runs_is_not_talked_to(server: str) -> None:
    user = server.split("requirepeer=")[1]
    with pytest.raises(StoreUnreachable, match="requirepeer"), connect(server.replace(user, "nobody")):
        pass
