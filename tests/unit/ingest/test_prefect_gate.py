"""Access to Prefect's server by any request, its password, the names and reports of runs, and waiting for its start."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ingest.flows.gate import Gate
from ingest.flows.names import run_name
from ingest.flows.report import TEXT_CHARACTERS, as_text
from ingest.flows.server import KEPT_IN, USER
from ingest.flows.start import Patience, wait_until_ready
from memories.errors import ScheduleError
from memories.serving.own_key import own_key
from memories.views.reasons import one_line

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
SECRET = "dreams:known"
LISTED = [
    "bullet_list_open",
    "list_item_open",
    "paragraph_open",
    "paragraph_close",
    "list_item_close",
    "bullet_list_close",
]
SERVED = Starlette(
    routes=[Route("/{path:path}", lambda _: PlainTextResponse("served"), methods=["GET", "POST", "PUT", "DELETE"])]
)


@pytest.fixture
def client() -> TestClient:
    return TestClient(Gate(SERVED, 4200, SECRET), base_url="http://127.0.0.1:4200")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200), ("GET", "/runs", 200), ("HEAD", "/assets/x.js", 200), ("GET", "/sign-in", 200),
        ("POST", "/", 401), ("PUT", "/runs", 401), ("DELETE", "/apis", 401), ("OPTIONS", "/", 401),
        ("GET", "/api", 401), ("GET", "/api/", 401), ("GET", "/api/health", 401), ("GET", "/docs/oauth2-redirect", 401),
        ("GET", "/metrics", 401), ("GET", "/openapi.json", 401),
    ],
)  # fmt: skip
def test_only_the_interface_is_read_without_the_password(
    client: TestClient, method: str, path: str, status: int
) -> None:
    assert client.request(method, path).status_code == status
    assert client.request(method, path, auth=("dreams", "known")).status_code in {200, 405}
    assert client.request(method, path, auth=("dreams", "known"), headers={"Origin": "http://a"}).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:4200", "127.0.0.1", "127.0.0.1:80", "", "localhost:4200."]
)
def test_no_other_host_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200", "[::1]:4200"])
def test_a_page_is_answered_under_the_name_it_came_by(client: TestClient, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert client.get("/api/health", headers=headers, auth=("dreams", "known")).status_code == 200
    for origin in ("null", f"https://{host}", "http://127.0.0.1:4201", f"http://{host}, http://evil.example"):
        assert client.get("/", headers={**headers, "Origin": origin}).status_code == 403


def test_nothing_in_a_page_is_loaded_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/sign-in", "/api/health"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe-inline" not in headers["Content-Security-Policy"].split("style-src")[0]
        assert "www-authenticate" not in headers


def test_the_password_has_the_user_that_basic_authentication_asks_for(tmp_path: Path) -> None:
    made = own_key(tmp_path, KEPT_IN, USER)
    assert made == own_key(tmp_path, KEPT_IN, USER) == (tmp_path / KEPT_IN).read_text()
    assert made.startswith("dreams:") and len(made) > 40
    assert (tmp_path / KEPT_IN).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"stage": "short_term"}, "dream-short_term"),
        ({"stage": "long_term", "full_refresh": False, "as_of": None, "set": {}}, "dream-long_term"),
        (
            {"as_of": "2026-01-31T09:00:00+00:00", "full_refresh": True, "dry_run": True, "set": {"night_hour": 4}},
            "dream-long_term, as of 2026-01-31 09:00, full refresh, dry run, night_hour=4",
        ),
    ],
)
def test_a_run_is_called_what_it_does(parameters: dict[str, Any], name: str) -> None:
    assert run_name("dream", parameters) == name


@given(st.dictionaries(st.sampled_from(["stage", "as_of", "set", "dry_run", "source", "x"]), ANYTHING))
def test_a_run_with_any_parameters_has_a_name(parameters: dict[str, Any]) -> None:
    for flow in ("dream", "ingest", "rebuild"):
        name = run_name(flow, parameters)
        assert name.startswith(flow)
        assert name.isprintable() and len(name) <= 200


@given(st.text(st.characters() | st.sampled_from("<>&[]()!*_`#|~\\-+1.:/\n\t ="), max_size=400))
def test_what_memories_say_is_text_in_a_report(text: str) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    shown = one_line(text, TEXT_CHARACTERS)
    tokens = reader.parse(f"- {as_text(text)}")
    kinds = [token.type for token in tokens if token.type != "inline"]
    assert kinds == (LISTED if shown else [kind for kind in LISTED if not kind.startswith("paragraph")])
    for inline in (token for token in tokens if token.type == "inline"):
        assert {child.type for child in inline.children or []} <= {"text", "text_special"}
        assert "".join(child.content for child in inline.children or []) == shown


LISTED = [
    "bullet_list_open",
    "list_item_open",
    "paragraph_open",
    "paragraph_close",
    "list_item_close",
    "bullet_list_close",
]


def started(code: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("w") as output:
        return subprocess.Popen([sys.executable, "-c", code], stdout=output, stderr=output)


def test_a_server_that_ends_as_it_starts_says_why(tmp_path: Path) -> None:
    log, told = tmp_path / "server.log", list[str]()
    why = pytest.raises(ScheduleError, match=r"ended with code 1 .*the database is of a later version.*server\.log")
    with started("import sys; sys.exit('the database is of a later version')", log) as process, why:
        wait_until_ready(process, lambda: False, log, told.append)
    assert "starting" in told[0]


def test_a_server_that_works_is_waited_for_and_one_that_hangs_is_not(tmp_path: Path) -> None:
    log, told = tmp_path / "server.log", list[str]()
    patience = Patience(idle_seconds=1, telling_seconds=0)
    with started("print('migrating', flush=True)\nwhile True: pass", log) as process:
        answers = iter([False] * 12 + [True])
        wait_until_ready(process, lambda: next(answers), log, told.append, patience)
        process.kill()
    assert any("migrating" in line for line in told)
    process = started("import time; time.sleep(600)", log)
    with pytest.raises(ScheduleError, match="printed nothing"):
        wait_until_ready(process, lambda: False, log, told.append, patience)
    process.kill()
    process.wait()
