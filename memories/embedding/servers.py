"""Finds or starts a model server: the Ollama at OLLAMA_URL, or the sidecar.

`models` starts a separate sidecar for bulk work. Searches share one sidecar with all other processes of this user: it
runs in the background, and exits when idle.
"""

import fcntl
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

import httpx
from pydantic import BaseModel, Field, ValidationError

from memories.errors import ModelUnreachable
from memories.home import home
from memories.serving.recognition import RecognisingTransport, secret
from memories.settings import PROJECT_ROOT, StoreSettings, settings

if TYPE_CHECKING:
    import ollama

REQUEST_TIMEOUT_SECONDS = 300
PROBE_TIMEOUT_SECONDS = 5
START_TIMEOUT_SECONDS = 120
START_POLL_SECONDS = 0.1
STOP_TIMEOUT_SECONDS = 15
OLLAMA_PORT = 11434
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - nothing is bound here
LONGEST_ANNOUNCEMENT_BYTES = 4096
REMEDY = "install it with `pip install '.[sidecar]'`, or set OLLAMA_URL to an Ollama that runs"


class Announcement(BaseModel):
    """The address and process id that a background sidecar announces."""

    url: str = Field(pattern=r"^http://127\.0\.0\.1:[0-9]{1,5}$")
    pid: int


class Server(NamedTuple):
    """A model server that speaks Ollama's protocol; a sidecar is recognised by its `secret`."""

    url: str
    api_key: str | None = None
    secret: bytes | None = None


@contextmanager
def models(store: StoreSettings | None = None) -> "Iterator[ollama.Client]":
    """A client of a model server for the duration of the block.

    Raises ModelUnreachable when the sidecar is needed and cannot be started.
    """
    # Imported here, since it takes a quarter of a second, which a search cannot spare.
    import ollama

    store = store or settings()
    if store.ollama_url is not None:
        yield ollama.Client(host=store.ollama_url, timeout=REQUEST_TIMEOUT_SECONDS)
        return
    _check_installed()
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar.serve", "--child"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "DREAMS_HOME": str(store.dreams_home.resolve())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C reaches only the parent, which closes the pipe: the sidecar then exits.
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both were asked for
    try:
        line = process.stdout.readline()
        if not line:
            raise ModelUnreachable(f"the sidecar did not start: {REMEDY}")
        transport = RecognisingTransport(secret(store.dreams_home))
        yield ollama.Client(host=json.loads(line)["url"], timeout=REQUEST_TIMEOUT_SECONDS, transport=transport)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def running(store: StoreSettings) -> Server | None:
    """The running server: OLLAMA_URL (unchecked), a background sidecar, or `dreams serve`; None when there is none."""
    if store.ollama_url is not None:
        return Server(ollama_address(store.ollama_url))
    return next((server for server in (_announced(store), served(store)) if server and _answers(server)), None)


def served(store: StoreSettings) -> Server:
    """Where `dreams serve` listens, if it runs."""
    host = "127.0.0.1" if store.sidecar_host in EVERY_ADDRESS else store.sidecar_host
    address = f"http://{f'[{host}]' if ':' in host else host}:{store.sidecar_port}"
    return Server(address, store.sidecar_api_key, secret(store.dreams_home))


def start(store: StoreSettings) -> "subprocess.Popen[bytes] | None":
    """Starts a background sidecar without waiting for it; None when another process has done so.

    Raises ModelUnreachable when it is not installed.
    """
    _check_installed()
    lock = hold(store)
    if lock is None:
        return None
    try:
        with _own_file(_log(store)) as log:
            log.truncate()
            return subprocess.Popen(
                [sys.executable, "-m", "sidecar.serve", "--background", "--lock", str(lock)],
                cwd=PROJECT_ROOT,
                env={**os.environ, "DREAMS_HOME": str(store.dreams_home.resolve())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,
            )
    finally:
        os.close(lock)


def hold(store: StoreSettings) -> int | None:
    """Takes the lock of the one background sidecar; returns its descriptor, or None when another process holds it.

    The lock lives as long as the descriptor: a sidecar that inherits it holds it until it ends, however it ends.

    Raises ModelUnreachable when the file is another user's, who could hold the lock for ever.
    """
    with _own_file(home(store) / "sidecar.lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return os.dup(file.fileno())


def background(store: StoreSettings) -> Server:
    """Returns the running server, or starts a background sidecar and waits for it.

    Raises ModelUnreachable when none can be started.
    """
    started: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while (server := running(store)) is None:
        if started is None:
            started = start(store)
        elif started.poll() is not None:
            raise ModelUnreachable(f"the sidecar did not start ({_last_words(store)}): {REMEDY}")
        if time.monotonic() > deadline:
            raise ModelUnreachable(f"the sidecar did not start in {START_TIMEOUT_SECONDS} s: look at {_log(store)}")
        time.sleep(START_POLL_SECONDS)
    return server


def _check_installed() -> None:
    """Raises ModelUnreachable when the sidecar is not installed."""
    if find_spec("torch") is None:
        raise ModelUnreachable(f"the sidecar is not installed: {REMEDY}")


def ollama_address(given: str) -> str:
    """Reads an address as the `ollama` client does: without a scheme, http and Ollama's own port are the defaults.

    Raises ModelUnreachable when it is not an address.
    """
    try:
        address = httpx.URL(given if "://" in given else f"http://{given}")
    except httpx.InvalidURL as error:
        raise ModelUnreachable(f"OLLAMA_URL is no address ({error}): write it like http://127.0.0.1:11434") from error
    if "://" not in given and address.port is None:
        address = address.copy_with(port=OLLAMA_PORT)
    return str(address).rstrip("/")


def announcement(store: StoreSettings) -> Path:
    """The file in which a background sidecar announces its address."""
    return store.dreams_home / "sidecar.json"


def _announced(store: StoreSettings) -> Server | None:
    """The background sidecar that is announced; None when its file is missing, damaged or not private to this user."""
    try:
        with _opened(announcement(store), os.O_RDONLY, "rb") as file:
            is_own = not os.fstat(file.fileno()).st_mode & 0o077
            told = Announcement.model_validate_json(file.read(LONGEST_ANNOUNCEMENT_BYTES) if is_own else b"")
    except (ModelUnreachable, ValidationError):
        return None
    return Server(told.url, secret=secret(store.dreams_home))


def _own_file(path: Path) -> BinaryIO:
    """Opens a file of this user for writing, created if missing and closed to others.

    Raises ModelUnreachable when it is another user's, or cannot be opened.
    """
    file = _opened(path, os.O_RDWR | os.O_CREAT, "r+b")
    os.fchmod(file.fileno(), 0o600)
    return file


def _opened(path: Path, flags: int, mode: Literal["rb", "r+b"]) -> BinaryIO:
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ModelUnreachable(f"{path} cannot be opened ({error.strerror}): remove it, and ask again") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        os.close(descriptor)
        raise ModelUnreachable(f"{path} is no file of this user: remove it, and ask again")
    return os.fdopen(descriptor, mode)


def _answers(server: Server) -> bool:
    """Whether a sidecar answers; other programs at its port would answer differently."""
    try:
        with client_of(server, PROBE_TIMEOUT_SECONDS) as client:
            return bool(client.get("/healthz").json() == {"status": "ok"})
    except (httpx.RequestError, httpx.InvalidURL, ValueError):
        return False


def client_of(server: Server, timeout_seconds: float) -> httpx.Client:
    """An HTTP client of a server. Only https uses proxies and certificates, which are slow to load."""
    is_secure = server.url.startswith("https://")
    headers = {} if server.api_key is None else {"Authorization": f"Bearer {server.api_key}"}
    return httpx.Client(
        base_url=server.url,
        timeout=timeout_seconds,
        headers=headers,
        verify=is_secure,
        trust_env=is_secure,
        transport=None if server.secret is None else RecognisingTransport(server.secret),
    )


def _log(store: StoreSettings) -> Path:
    return store.dreams_home / "sidecar.log"


def _last_words(store: StoreSettings) -> str:
    lines = _log(store).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
