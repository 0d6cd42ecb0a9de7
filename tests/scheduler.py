"""Runs `dreams schedule` for tests, with a separate Prefect server that they query over HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import psycopg

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_SECONDS = 600


def eventually(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return result


@dataclass
class Scheduler:
    process: subprocess.Popen[str]
    environment: dict[str, str]
    api: httpx.Client
    store: str
    printed: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.environment['PREFECT_SERVER_API_PORT']}"

    @property
    def home(self) -> Path:
        return Path(self.environment["DREAMS_HOME"]) / "prefect"

    @property
    def password(self) -> str:
        return (self.home / "password").read_text().strip()

    def answer(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Retries, as Prefect's own client does, while the server's database is busy (503)."""

        def answered() -> httpx.Response | None:
            response = self.api.request(method, path, json=body)
            return None if response.status_code == httpx.codes.SERVICE_UNAVAILABLE else response.raise_for_status()

        response: httpx.Response = eventually(lambda: [found] if (found := answered()) is not None else None)[0]
        return response

    def ask(self, path: str, **body: object) -> Any:
        return self.answer("POST", path, body).json()

    def deployment(self, name: str) -> str:
        return str(self.answer("GET", f"/deployments/name/{name}").json()["id"])

    def start(self, name: str, **parameters: object) -> str:
        return str(self.ask(f"/deployments/{self.deployment(name)}/create_flow_run", parameters=parameters)["id"])

    def run(self, run_id: str) -> Any:
        return self.answer("GET", f"/flow_runs/{run_id}").json()

    def finished(self, run_id: str) -> Any:
        return eventually(
            lambda: run if (run := self.run(run_id))["state_type"] in {"COMPLETED", "FAILED", "CRASHED"} else None
        )

    def tasks(self, run_id: str) -> dict[str, Any]:
        runs = self.ask("/task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        return {run["name"].rsplit("-", 1)[0]: run for run in runs}

    def said(self, run_id: str) -> list[str]:
        logs = self.ask("/logs/filter", logs={"flow_run_id": {"any_": [run_id]}})
        return [log["message"] for log in logs]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.store) as connection:
            return connection.execute(query).fetchall()


@contextmanager
def running_scheduler(store: str, embedder: str, home: Path) -> Iterator[Scheduler]:
    """Runs `dreams schedule` with a separate server on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        "DREAMS_HOME": str(home),
        "POSTGRES_DB_URL": store,
        "OLLAMA_URL": embedder,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    }
    others = ("PREFECT_", "DUCKDB_", "ANNOTATION_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(others)} | own
    with subprocess.Popen(
        [sys.executable, "dreams.py", "schedule"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = _listen(process)
            user, _, secret = (home / "prefect" / "password").read_text().strip().partition(":")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30, auth=(user, secret)) as api:
                yield Scheduler(process, environment, api, store, said)
        finally:
            process.terminate()


def _listen(process: subprocess.Popen[str]) -> list[str]:
    """Waits until the schedules run; returns the list to which all output is added."""
    assert process.stdout is not None and process.stderr is not None
    said: list[str] = []
    Thread(target=said.extend, args=(process.stderr,), daemon=True).start()
    said.append(process.stdout.readline())
    assert "The schedules run" in said[-1], said
    Thread(target=said.extend, args=(process.stdout,), daemon=True).start()
    return said
