"""The sidecar must prove itself first: another program at its port gets no key or text, and supplies no vectors."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy
import pytest

from memories.embedding.embedder import Embedder
from memories.embedding.servers import (
    announcement,
    hold,
    running,
    start,
)
from memories.errors import ModelUnreachable
from memories.serving.recognition import (
    FILE,
    PATH,
    proof,
    secret,
)
from memories.settings import StoreSettings

KEY = "open sesame"
TEXT = "my diary, page one"
Prove = Callable[[str, tuple[str, int]], str]


class Listener(ThreadingHTTPServer):
    """Answers as a sidecar does; `prove` answers its challenge, and `heard` has everything that it was sent."""

    def __init__(self, prove: Prove, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.prove = prove
        self.heard: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        self.server.heard.append(f"{self.path} {self.headers} {body.decode()}")
        asked = urlsplit(self.path)
        if asked.path == PATH:
            data = self.server.prove(parse_qs(asked.query)["nonce"][0], self.connection.getsockname()).encode()
        elif asked.path == "/healthz":
            data = b'{"status": "ok"}'
        else:
            data = json.dumps({"embeddings": [[1.0] * 384]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening(prove: Prove, port: int = 0) -> Iterator[Listener]:
    with Listener(prove, port) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield listener
        finally:
            listener.shutdown()


def sidecar_of(store: StoreSettings) -> Prove:
    key = secret(store.dreams_home)
    return lambda nonce, address: proof(key, nonce, address)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[StoreSettings]:
    """Settings of a user whose sidecar seems to be starting, so that none is started."""
    store = StoreSettings(
        dreams_home=tmp_path, ollama_url=None, sidecar_host="127.0.0.1", sidecar_port="1", sidecar_api_key=KEY
    )
    lock = hold(store)
    assert lock is not None
    yield store
    os.close(lock)


def at(store: StoreSettings, listener: Listener) -> StoreSettings:
    return store.model_copy(update={"sidecar_port": str(listener.server_port)})


def announce(store: StoreSettings, url: str, mode: int = 0o600) -> None:
    announcement(store).write_text(json.dumps({"url": url, "pid": os.getpid()}))
    announcement(store).chmod(mode)


def told_nothing(listener: Listener) -> bool:
    heard = "".join(listener.heard)
    return KEY not in heard and TEXT not in heard and "Authorization" not in heard


def test_the_sidecar_of_this_home_gets_the_key_and_the_text(home: StoreSettings) -> None:
    with listening(sidecar_of(home)) as listener:
        assert numpy.array_equal(Embedder(at(home, listener), waits=False)([TEXT]), [[1.0] * 384])
    assert KEY in listener.heard[-1]
    assert TEXT in listener.heard[-1]


def test_the_background_one_is_recognised_the_same_way(home: StoreSettings) -> None:
    with listening(sidecar_of(home)) as listener:
        announce(home, f"http://127.0.0.1:{listener.server_port}")
        assert Embedder(home, waits=False)([TEXT]).shape == (1, 384)


@pytest.mark.parametrize("answer", ["", "ok", "0" * 64, "x" * 1_000_000, "é"])
def test_one_that_cannot_prove_it_is_told_nothing(home: StoreSettings, answer: str) -> None:
    with listening(lambda nonce, address: answer) as listener:
        announce(home, f"http://127.0.0.1:{listener.server_port}")
        with pytest.raises(ModelUnreachable):
            Embedder(at(home, listener), waits=False)([TEXT])
        assert listener.heard
        assert told_nothing(listener)


def test_the_sidecar_of_another_home_is_told_nothing(home: StoreSettings, tmp_path: Path) -> None:
    other = home.model_copy(update={"dreams_home": tmp_path / "other"})
    with listening(sidecar_of(other)) as listener:
        assert running(at(home, listener)) is None
        assert told_nothing(listener)


def test_the_answer_of_the_sidecar_elsewhere_cannot_be_passed_on(home: StoreSettings) -> None:
    with listening(sidecar_of(home)) as real:

        def relay(nonce: str, address: tuple[str, int]) -> str:
            return httpx.get(f"http://127.0.0.1:{real.server_port}{PATH}", params={"nonce": nonce}).text

        with listening(relay) as listener:
            assert running(at(home, listener)) is None
            assert real.heard
            assert told_nothing(listener)


def test_an_answer_cannot_be_given_again(home: StoreSettings) -> None:
    known: list[str] = []
    key = secret(home.dreams_home)

    def replay(nonce: str, address: tuple[str, int]) -> str:
        known.append(proof(key, nonce, address))
        return known[0]

    with listening(replay) as listener:
        assert running(at(home, listener)) is not None
        assert running(at(home, listener)) is None


def test_one_that_takes_the_place_of_the_sidecar_is_told_nothing(home: StoreSettings) -> None:
    with listening(sidecar_of(home)) as listener:
        store = at(home, listener)
        embedder = Embedder(store, waits=False)
        embedder(["the first text"])
        port = listener.server_port
        client = embedder.find()
    client.close()
    with listening(lambda nonce, address: "", port) as impostor:
        with pytest.raises(httpx.ConnectError):
            httpx.Client(transport=client._transport, base_url=client.base_url).post("/api/embed", json=[TEXT])
        with pytest.raises(ModelUnreachable):
            Embedder(store, waits=False)([TEXT])
        assert told_nothing(impostor)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{}",
        b"[]",
        b'{"url": 5}',
        b'{"url": "http://["}',
        b'{"url": "x", "pid": 1}',
        b"\xff\x00",
        b"[" * 1_000_000,
    ],
)
def test_a_damaged_announcement_is_as_good_as_none(home: StoreSettings, damaged: bytes) -> None:
    announcement(home).write_bytes(damaged)
    announcement(home).chmod(0o600)
    assert running(home) is None


def test_a_folder_or_a_link_in_place_of_a_file_is_no_announcement(home: StoreSettings, tmp_path: Path) -> None:
    with listening(sidecar_of(home)) as listener:
        announce(home, f"http://127.0.0.1:{listener.server_port}")
        assert running(home) is not None
        announcement(home).rename(tmp_path / "elsewhere")
        announcement(home).symlink_to(tmp_path / "elsewhere")
        assert running(home) is None
        announcement(home).unlink()
        announcement(home).mkdir()
        assert running(home) is None


@pytest.mark.parametrize("mode", [0o644, 0o622, 0o606])
def test_an_announcement_that_others_may_read_or_write_is_not_trusted(home: StoreSettings, mode: int) -> None:
    with listening(sidecar_of(home)) as listener:
        announce(home, f"http://127.0.0.1:{listener.server_port}", mode)
        assert running(home) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
@pytest.mark.parametrize("name", ["sidecar.lock", "sidecar.log"])
def test_a_file_of_another_user_is_named(tmp_path: Path, name: str) -> None:
    store = StoreSettings(dreams_home=tmp_path, ollama_url=None, sidecar_port="1")
    (tmp_path / name).touch()
    os.chown(tmp_path / name, 12345, 12345)
    with pytest.raises(ModelUnreachable, match=name):
        start(store)


@pytest.mark.parametrize("name", ["sidecar.lock", "sidecar.log", FILE])
def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path, name: str) -> None:
    store = StoreSettings(dreams_home=tmp_path, ollama_url=None, sidecar_port="1")
    (tmp_path / name).mkdir()
    with pytest.raises(ModelUnreachable, match=name):
        Embedder(store, waits=False)([TEXT])


def test_the_secret_is_the_owners_alone(tmp_path: Path) -> None:
    first = secret(tmp_path / "home")
    assert secret(tmp_path / "home") == first
    assert len(first) >= 32
    file = tmp_path / "home" / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    with pytest.raises(ModelUnreachable, match=FILE):
        secret(tmp_path / "home")
