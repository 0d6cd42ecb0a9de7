"""The sidecar that searches share is started once, found by all, private to its user, and ends when idle."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import httpx
import numpy
import pytest

from ingest.health import checks
from memories.embedding.embedder import Embedder
from memories.embedding.servers import (
    announcement,
    background,
    running,
    start,
)
from memories.errors import ModelUnreachable
from memories.settings import StoreSettings
from tests.conftest import ROOT, forget_settings, ollama_server


@pytest.fixture
def home(tmp_path: Path) -> Iterator[StoreSettings]:
    """Settings of a user without a sidecar; one that a test starts is ended."""
    store = StoreSettings(dreams_home=tmp_path, ollama_url=None, sidecar_port="1")
    yield store
    if announcement(store).exists():
        os.kill(pid_of(store), signal.SIGTERM)
    forget_settings()


def pid_of(store: StoreSettings) -> int:
    return int(json.loads(announcement(store).read_text())["pid"])


def eventually(holds: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_many_who_need_it_at_once_share_one_and_a_dead_one_is_replaced(
    home: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedders = [Embedder(home) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(lambda embedder: embedder(["the same text"]), embedders))
    assert all(numpy.array_equal(vectors[0], vector) for vector in vectors)
    assert vectors[0].shape == (1, 384)
    assert announcement(home).stat().st_mode & 0o777 == 0o600
    assert start(home) is None
    monkeypatch.setenv("DREAMS_HOME", str(home.dreams_home))
    monkeypatch.delenv("OLLAMA_URL", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("SIDECAR_PORT", str(taken.getsockname()[1]))
        forget_settings()
        port, found = (check for check in islice(checks(), 6) if check.part in ("port", "models"))
    assert not port.ok
    assert found.detail == f"a sidecar answers at {running(home).url}"
    first = pid_of(home)
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: running(home) is None)
    assert numpy.allclose(embedders[0](["the same text"]), vectors[0], atol=1e-6)
    assert pid_of(home) != first


def test_it_leaves_when_nobody_asks_and_takes_its_file_along(home: StoreSettings) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar.serve", "--background", "--idle-minutes", "0.02"],
        cwd=ROOT, env={**os.environ, "DREAMS_HOME": str(home.dreams_home)},
    )  # fmt: skip
    assert eventually(lambda: running(home))
    assert process.wait(30) == 0
    assert not announcement(home).exists()


def test_what_else_listens_there_is_not_taken_for_it(home: StoreSettings) -> None:
    with ollama_server(lambda body: (200, {"status": "ok"})) as client:
        told = {"url": str(client._client.base_url).rstrip("/"), "pid": os.getpid()}
        announcement(home).touch(mode=0o600)
        announcement(home).write_text(json.dumps(told))
        assert running(home) is None
    announcement(home).unlink()


def test_one_that_cannot_start_says_why(home: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_THREADS", "none")
    with pytest.raises(ModelUnreachable, match="SIDECAR_THREADS"):
        background(home)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("localhost", "http://localhost:11434"),
        ("localhost:8080", "http://localhost:8080"),
        ("http://models.example/ollama/", "http://models.example/ollama"),
        ("https://models.example", "https://models.example"),
    ],
)
def test_an_ollama_is_named_as_its_own_client_names_it(tmp_path: Path, given: str, asked: str) -> None:
    assert running(StoreSettings(dreams_home=tmp_path, ollama_url=given)) == (asked, None, None)


@pytest.mark.parametrize("given", ["http://[broken", "http://127.0.0.1:9", "http://127.0.0.1:notaport"])
def test_an_ollama_that_does_not_answer_is_named(tmp_path: Path, given: str) -> None:
    with pytest.raises(ModelUnreachable, match="OLLAMA_URL"):
        Embedder(StoreSettings(dreams_home=tmp_path, ollama_url=given))(["anything"])


def test_a_missing_model_and_a_wrong_answer_are_named(tmp_path: Path) -> None:
    answers = [
        (404, {"error": "model not found"}, "no model 'all-minilm'"),
        (500, {"error": "out of memory"}, "500: out of memory"),
        (200, {"hello": "world"}, "no Ollama"),
        (401, {"error": "who are you"}, "SIDECAR_API_KEY"),
    ]
    for status, body, says in answers:
        with ollama_server(lambda _, status=status, body=body: (status, body)) as client:
            store = StoreSettings(dreams_home=tmp_path, ollama_url=str(client._client.base_url))
            with pytest.raises(Exception, match=says):
                Embedder(store)(["anything"])


def test_a_sidecar_with_a_key_is_asked_with_it(home: StoreSettings, store_url: str, tmp_path: Path) -> None:
    served = subprocess.Popen(
        [sys.executable, str(ROOT / "dreams.py"), "serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "SIDECAR_PORT": "0", "SIDECAR_API_KEY": "open sesame", "DREAMS_HOME": str(tmp_path)},
    )  # fmt: skip
    try:
        told = served.stdout.readline()
        address = told.split(" at ")[1].split()[0]
        assert f"{address}/docs" in told
        assert served.stdout.readline() == "The store holds 0 memories.\n"
        port = str(httpx.URL(address).port)
        known = home.model_copy(update={"sidecar_port": port, "sidecar_api_key": "open sesame"})
        assert Embedder(known, waits=False)(["anything"]).shape == (1, 384)
        with pytest.raises(ModelUnreachable, match="SIDECAR_API_KEY"):
            Embedder(known.model_copy(update={"sidecar_api_key": None}), waits=False)(["anything"])
    finally:
        served.terminate()
        served.wait(30)
