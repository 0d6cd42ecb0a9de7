"""`dreams schedule` with its own Prefect server, whose runs the tests query over HTTP."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_socket

from ingest import sources
from ingest.cycle.run import cycle_lock
from ingest.flows.schedules import deployments, due
from tests.browser import chromium, needs_chromium, page, statuses
from tests.scheduler import ROOT, Scheduler, eventually, running_scheduler

# Requests by which a stranger would try to run code.
ATTACKS = [
    ("POST", "/api/deployments/"),
    ("POST", "/api/flows/"),
    ("PATCH", "/api/deployments/00000000-0000-0000-0000-000000000000"),
    ("POST", "/api/deployments/00000000-0000-0000-0000-000000000000/create_flow_run"),
    ("POST", "/api/automations/"),
    ("POST", "/api/block_documents/"),
    ("POST", "/api/work_pools/"),
    ("DELETE", "/api/flows/00000000-0000-0000-0000-000000000000"),
    ("POST", "/"),
    ("PUT", "/ui-settings"),
]
# Sends the server what a web page can, and reports what came of it.
EVIL_PAGE = """<!doctype html><body></body><script>
const json = {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"name": "from a page"}'}
const ask = (path, options) => fetch("SERVER/api" + path, options).then(
  answer => answer.type == "opaque" ? "unreadable" : "read", () => "unreadable")
const socket = new Promise(done => {
  const opened = new WebSocket("SERVER/api/events/out".replace("http", "ws"), "prefect")
  opened.onopen = () => done("opened")
  opened.onerror = () => done("refused")
})
Promise.all([ask("/flows/", json), ask("/flows/", {...json, headers: {}, mode: "no-cors", credentials: "include"}),
  ask("/health"), ask("/admin/settings", {mode: "no-cors"}), socket]).then(found => {
  document.body.textContent = JSON.stringify(found)
  document.title = "done"
})
</script>"""


class Embedder(BaseHTTPRequestHandler):
    """An Ollama that drops the first request."""

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
    with running_scheduler(store, embedder, tmp_path_factory.mktemp("home")) as running:
        yield running


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
    run = runs[-1]["id"]
    eventually(lambda: scheduler.run(run)["name"] == "dream-working_memory")
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
        eventually(lambda: any("another cycle runs" in line for line in scheduler.said(run_id)))
        assert scheduler.run(run_id)["state_type"] == "RUNNING"
        assert scheduler.rows("select count(*) from dreams.cycles") == before
    run = scheduler.finished(run_id)
    assert run["state"]["name"] == "Completed"
    assert "rows changed (attention_slots" in run["state"]["message"]
    assert run["name"] == "dream-working_memory"
    assert {"codex-dreams", "dream", "working_memory"} <= set(run["tags"])
    tasks = scheduler.tasks(run_id)
    own = ["reach_store", "enrich", "run_dbt", "write_back", "report"]
    assert {name: tasks[name]["state_type"] for name in own} == dict.fromkeys(own, "COMPLETED")
    assert tasks["enrich"]["run_count"] == 2
    assert scheduler.rows("select count(*) from public.memories where embedding_vector is null") == [(0,)]
    assert scheduler.rows(
        "select state, 'working_memory' = any(stages) from dreams.cycles order by started_at desc limit 1"
    ) == [("published", True)]
    assert scheduler.rows("select count(*) > 0 from dreams.working_memory") == [(True,)]
    _assert_models_are_shown(scheduler, run_id)


def _assert_models_are_shown(scheduler: Scheduler, run_id: str) -> None:
    """Each dbt model is a task within dbt's task, with its time and dbt's log."""
    expected = {"stg_memories", "wm_activations", "attention_slots"}
    eventually(lambda: expected <= scheduler.tasks(run_id).keys())
    tasks = scheduler.tasks(run_id)
    models = {name: run for name, run in tasks.items() if "dbt" in run["tags"]}
    outer = tasks["run_dbt"]
    assert expected <= models.keys()
    assert {run["state_type"] for run in models.values()} == {"COMPLETED"}
    for run in models.values():
        assert outer["start_time"] <= run["start_time"] <= run["end_time"] <= outer["end_time"]
        assert run["total_run_time"] > 0
    assert "working_memory" in models["wm_activations"]["tags"]
    of_slots = {"task_run_id": {"any_": [models["attention_slots"]["id"]]}}
    eventually(
        lambda: any(
            "OK created" in log["message"] and "attention_slots" in log["message"]
            for log in scheduler.ask("/logs/filter", logs=of_slots)
        )
    )


def test_a_cycle_reports_and_what_is_forgotten_stays_in_no_report(scheduler: Scheduler) -> None:
    reports = [artifact for artifact in scheduler.ask("/artifacts/filter") if artifact["key"]]
    assert {(report["type"], report["key"]) for report in reports} == {
        ("markdown", "dreams-found-working-memory"),
        ("table", "dreams-rows-working-memory"),
    }
    table = next(json.loads(report["data"]) for report in reports if report["type"] == "table")
    assert table[0]["table"] == "attention_slots"
    assert table[0]["changed"] == table[0]["rows"] > 0
    assert "380" in next(report["data"] for report in reports if report["type"] == "markdown")
    with psycopg.connect(scheduler.store) as connection:
        connection.execute("delete from public.memories where id = (select min(id::text)::uuid from public.memories)")
    published = scheduler.rows("select count(*) from dreams.cycles where state = 'published'")
    name = "dream/working-memory"
    run = scheduler.finished(scheduler.start(name, stage="working_memory", dry_run=True, set={"night_hour": 4}))
    assert run["name"] == "dream-working_memory, dry run, night_hour=4"
    assert "would change" in run["state"]["message"]
    assert scheduler.rows("select count(*) from dreams.cycles where state = 'published'") == published
    left = [report for report in scheduler.ask("/artifacts/filter") if report["type"] == "markdown"]
    assert len(left) == 1
    assert left[0]["id"] not in {report["id"] for report in reports}
    assert "379" in left[0]["data"]


def test_parameters_are_checked(scheduler: Scheduler) -> None:
    path = f"/deployments/{scheduler.deployment('dream/long-term')}/create_flow_run"
    for wrong in ({"stage": "no_stage"}, {"dry_run": "maybe"}, {"set": ["a"]}):
        assert scheduler.api.post(path, json={"parameters": wrong}).status_code in {409, 422}, wrong
    refused = scheduler.api.post(path, json={"parameters": {"full_refesh": True}})
    assert refused.status_code == 409
    assert "'full_refesh' was unexpected" in refused.json()["detail"]
    for wrong, why in (
        ({"set": {"no_such": 1}}, "no parameter 'no_such'"),
        ({"as_of": "soon"}, "as_of"),
    ):
        run = scheduler.finished(scheduler.start("dream/long-term", **wrong))
        assert run["state_type"] == "FAILED"
        assert why in run["state"]["message"]


def test_nobody_is_answered_without_the_password(scheduler: Scheduler) -> None:
    asked = ["/api/health", "/api/ready", "/api/version", "/api/admin/settings", "/api/docs", "/api/openapi.json",
             "/api", "/api/static/x", "/docs", "/redoc", "/openapi.json", "/metrics", "/api/metrics", "/api/csrf-token"]  # fmt: skip
    evil = {"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "127.0.0.1:1"}
    with httpx.Client(base_url=scheduler.address) as stranger:
        assert {path: stranger.get(path).status_code for path in asked} == dict.fromkeys(asked, 401)
        for attack in ATTACKS:
            assert stranger.request(*attack, json={}).status_code == 401
            assert stranger.request(*attack, json={}, auth=("dreams", "guess")).status_code == 401
            assert stranger.request(*attack, json={}, headers={"Authorization": "Basic ?"}).status_code == 401
        for headers in evil:
            for path in ("/", *asked):
                assert stranger.get(path, headers=headers).status_code == 403
                assert stranger.get(path, headers=headers, auth=scheduler.api.auth).status_code == 403
        preflight = stranger.options(
            "/api/deployments/", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        )
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers
    own = scheduler.api.get("/health", headers={"Origin": scheduler.address})
    assert own.json() is True
    assert own.headers.get("access-control-allow-origin") != "*"
    port = scheduler.address.rsplit(":", 1)[1]
    for host in ("localhost", "[::1]"):
        assert scheduler.api.get("/health", headers={"Host": f"{host}:{port}"}).json() is True


@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled"])
def test_no_web_socket_opens_for_a_stranger(scheduler: Scheduler, path: str) -> None:
    address = f"{scheduler.address.replace('http', 'ws')}/api/{path}"
    for options in ({"origin": "http://evil.example", "subprotocols": ["prefect"]}, {"subprotocols": None}):
        with pytest.raises(InvalidStatus, match="403"), connect_socket(address, **options):
            pass
    with connect_socket(address, subprotocols=["prefect"]) as socket:
        socket.send(json.dumps({"type": "auth", "token": "guess"}))
        with pytest.raises(ConnectionClosed, match="1008"):
            socket.recv()


def test_the_password_is_its_owners_alone(scheduler: Scheduler) -> None:
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in scheduler.home.rglob("*")} == dict.fromkeys(
        [path.name for path in scheduler.home.rglob("*")], "0o0"
    )
    assert scheduler.home.stat().st_mode & 0o077 == 0
    process = psutil.Process(scheduler.process.pid)
    told = [*scheduler.printed, *(part for child in [process, *process.children()] for part in child.cmdline())]
    assert scheduler.printed
    assert not [line for line in told if scheduler.password in line]


def test_no_code_runs_but_ours(scheduler: Scheduler, tmp_path: Path) -> None:
    """Holds even if someone with the password, or a foreign server, orders otherwise."""
    proof = tmp_path / "proof"
    steps = [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {proof}"}}]
    flow = scheduler.ask("/flows/", name="foreign")["id"]
    foreign = scheduler.ask("/deployments/", name="foreign", flow_id=flow, pull_steps=steps, entrypoint="f.py:f")["id"]
    never = scheduler.ask(f"/deployments/{foreign}/create_flow_run")["id"]
    ours = scheduler.deployment("rebuild/weekly")
    for change in ({"pull_steps": steps}, {"entrypoint": "f.py:f"}, {"path": str(tmp_path)}):
        before = scheduler.answer("GET", f"/deployments/{ours}").json()
        scheduler.answer("PATCH", f"/deployments/{ours}", change)
        run = scheduler.finished(scheduler.start("rebuild/weekly"))
        assert run["state"]["type"] == "FAILED"
        assert f"not written by `dreams schedule`: {next(iter(change))}" in run["state"]["message"]
        scheduler.answer("PATCH", f"/deployments/{ours}", {name: before[name] for name in change})
    assert scheduler.run(never)["state_type"] == "SCHEDULED"
    assert not proof.exists()


@needs_chromium
def test_no_web_page_is_answered_and_the_owner_is_signed_in(scheduler: Scheduler) -> None:
    with chromium() as browser, page(EVIL_PAGE.replace("SERVER", scheduler.address)) as site:
        browser.get((scheduler.home / "sign-in.html").as_uri())
        answered: dict[str, set[int]] = {}
        eventually(lambda: answered.update(statuses(browser, scheduler.address)) or "/api/flow_runs/count" in answered)
        assert answered["/api/flow_runs/count"] == answered["/api/admin/settings"] == {200}
        assert browser.current_url == f"{scheduler.address}/dashboard"
        assert not [entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]
        browser.get("about:blank")
        statuses(browser, scheduler.address)
        browser.get(site)
        eventually(lambda: browser.title == "done")
        assert json.loads(browser.execute_script("return document.body.innerText")) == ["unreadable"] * 4 + ["refused"]
        asked = statuses(browser, scheduler.address)
        assert asked and set().union(*asked.values()) <= {401, 403}
    assert not [flow for flow in scheduler.ask("/flows/filter") if flow["name"] == "from a page"]


def test_there_is_one_scheduler_which_leaves_nothing_behind(scheduler: Scheduler) -> None:
    second = subprocess.run(
        [sys.executable, "dreams.py", "schedule"],
        cwd=ROOT, env=scheduler.environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert second.returncode == 1
    assert "another `dreams schedule` serves this store" in second.stderr
    assert "Traceback" not in second.stderr
    with cycle_lock(scheduler.store, wait=False):
        run_id = scheduler.start("dream/working-memory")
        eventually(lambda: any("another cycle runs" in line for line in scheduler.said(run_id)))
        children = psutil.Process(scheduler.process.pid).children(recursive=True)
        _assert_it_ends(scheduler, children)


def _assert_it_ends(scheduler: Scheduler, children: list[psutil.Process]) -> None:
    """It ends at once, even while a flow waits."""
    assert children
    scheduler.process.send_signal(signal.SIGTERM)
    assert scheduler.process.wait(timeout=60) == 0
    assert psutil.wait_procs(children, timeout=30)[1] == []
