"""The schedules as they are served: `dreams schedule` with its own Prefect server, asked over HTTP what it runs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from ingest import sources
from ingest.cycle import cycle_lock
from ingest.flows.schedules import deployments, due

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_SECONDS = 120


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

    def answer(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Asks again, as Prefect's own client does, while the server's database is busy (503)."""

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
        return eventually(lambda: run if (run := self.run(run_id))["state_type"] in {"COMPLETED", "FAILED"} else None)

    def tasks(self, run_id: str) -> dict[str, Any]:
        runs = self.ask("/task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        return {run["name"].rsplit("-", 1)[0]: run for run in runs}

    def said(self, run_id: str) -> list[str]:
        logs = self.ask("/logs/filter", logs={"flow_run_id": {"any_": [run_id]}})
        return [log["message"] for log in logs]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.store) as connection:
            return connection.execute(query).fetchall()


class Embedder(BaseHTTPRequestHandler):
    """An Ollama that hangs up on the first who asks."""

    asked = 0

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        type(self).asked += 1
        if self.asked == 1:
            self.close_connection = True
            return
        vectors = [[1.0 + (len(text) + place) % 7 for place in range(8)] for text in texts]
        unit = [[value / sum(v * v for v in vector) ** 0.5 for value in vector] for vector in vectors]
        data = json.dumps({"model": "m", "embeddings": unit}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def embedder() -> Iterator[str]:
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Embedder)
    Thread(target=listener.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listener.server_port}"
    listener.shutdown()
    listener.server_close()


@pytest.fixture(scope="module")
def store(server: str, migrated_template: str) -> str:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template {migrated_template}")
    return server.replace("/dreams?", f"/{name}?")


@pytest.fixture(scope="module")
def scheduler(store: str, embedder: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        "DREAMS_HOME": str(tmp_path_factory.mktemp("home")),
        "POSTGRES_DB_URL": store,
        "OLLAMA_URL": embedder,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    }
    others = ("PREFECT_", "DUCKDB_", "ANNOTATION_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(others)} | own
    process = subprocess.Popen(
        [sys.executable, "dreams.py", "schedule"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert f"http://127.0.0.1:{port}" in process.stdout.readline()
    Thread(target=process.stdout.read, daemon=True).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30) as api:
        yield Scheduler(process, environment, api, store)
    process.terminate()
    process.wait(timeout=60)


def test_the_server_schedules_what_is_due(scheduler: Scheduler) -> None:
    identity = scheduler.deployment("dream/working-memory")
    runs = eventually(
        lambda: scheduler.ask(
            "/flow_runs/filter",
            flow_runs={"deployment_id": {"any_": [identity]}, "state": {"type": {"any_": ["SCHEDULED"]}}},
            sort="EXPECTED_START_TIME_ASC",
        )
    )
    first = datetime.fromisoformat(runs[0]["expected_start_time"])
    served = next(deployment for deployment in deployments() if deployment.name == "working-memory")
    assert first in due(served, datetime.now(UTC) - timedelta(minutes=1), datetime.now(UTC) + timedelta(minutes=6))
    for deployment in scheduler.ask("/deployments/filter"):
        scheduler.answer("PATCH", f"/deployments/{deployment['id']}", {"paused": True})
    busy = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
    eventually(lambda: not scheduler.ask("/flow_runs/filter", flow_runs=busy))


def test_a_source_is_ingested(scheduler: Scheduler) -> None:
    run_id = scheduler.start("ingest/on-demand", source="sample", path=str(sources.sample.PATH))
    run = scheduler.finished(run_id)
    assert run["state"]["name"] == "Completed"
    assert scheduler.rows("select count(*) > 300 from public.memories") == [(True,)]
    wrong = scheduler.start("ingest/on-demand", source="jsonl", path="/no/such/file.jsonl")
    assert "/no/such/file.jsonl" in scheduler.finished(wrong)["state"]["message"]
    assert scheduler.tasks(wrong)["load_source"]["run_count"] == 1


def test_a_dream_waits_for_the_lock_retries_the_network_and_publishes(scheduler: Scheduler) -> None:
    before = scheduler.rows("select count(*) from dreams.cycles")
    with cycle_lock(scheduler.store, wait=False):
        run_id = scheduler.start("dream/working-memory")
        eventually(lambda: "wait" in scheduler.said(run_id))
        assert scheduler.run(run_id)["state_type"] == "RUNNING"
        assert scheduler.rows("select count(*) from dreams.cycles") == before
    run = scheduler.finished(run_id)
    assert run["state"]["name"] == "Completed"
    assert "rows changed" in run["state"]["message"]
    tasks = scheduler.tasks(run_id)
    assert {name: task["state_type"] for name, task in tasks.items()} == dict.fromkeys(
        ["reach_store", "enrich", "run_dbt", "write_back"], "COMPLETED"
    )
    assert tasks["enrich"]["run_count"] == 2
    assert scheduler.rows("select count(*) from public.memories where embedding_vector is null") == [(0,)]
    assert scheduler.rows(
        "select state, 'working_memory' = any(stages) from dreams.cycles order by started_at desc limit 1"
    ) == [("published", True)]
    assert scheduler.rows("select count(*) > 0 from dreams.working_memory") == [(True,)]


def test_there_is_one_scheduler_which_leaves_nothing_behind(scheduler: Scheduler) -> None:
    second = subprocess.run(
        [sys.executable, "dreams.py", "schedule"],
        cwd=ROOT, env=scheduler.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert second.returncode == 1
    assert "another `dreams schedule` serves this store" in second.stderr
    assert "Traceback" not in second.stderr
    children = psutil.Process(scheduler.process.pid).children(recursive=True)
    assert children
    scheduler.process.send_signal(signal.SIGTERM)
    assert scheduler.process.wait(timeout=60) == 0
    assert psutil.wait_procs(children, timeout=30)[1] == []
