"""Runs the sidecar until it is stopped: `python -m sidecar.serve`.

With `--child` it belongs to the process that started it: it takes a free port on loopback, writes one JSON line
(`{"url": …, "models": […]}`) to standard output when it is ready, and stops when its standard input ends. The parent
only keeps the other end of that pipe open: however it dies, the sidecar stops too.

With `--background` the searches of all processes share it (`memories.embedding.embedder`). It takes a free port on
loopback, writes its URL to a file in DREAMS_HOME that only its user can read, stops after fifteen minutes without
requests, and removes the file.
"""

import argparse
import errno
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import torch
import uvicorn

from memories.embedding.servers import Announcement, announcement, hold
from memories.errors import InputError
from memories.faults import one_sentence
from memories.home import keep_to_owner
from memories.serving.http_server import http_server
from memories.serving.recognition import secret
from memories.settings import settings as store_settings
from sidecar.api.app import create_app
from sidecar.api.idleness import Idleness
from sidecar.embedders.all_minilm import AllMiniLM
from sidecar.embedders.queue import ServedModel
from sidecar.registry import Registry, open_registry
from sidecar.settings import SidecarSettings, settings
from sidecar.store import ServedStore

Ready = Callable[[str, list[str]], None]
# Longer than clients keep an idle connection, so that none is closed while a request is on its way.
KEEP_ALIVE_SECONDS = 600
STOP_SECONDS = 10
IDLE_MINUTES = 15.0
LONGEST_IDLE_CHECK_SECONDS = 10.0


def serve(
    settings: SidecarSettings, on_ready: Ready, idle_minutes: float | None = None, *, with_memories: bool = True
) -> None:
    """Serves until SIGTERM or SIGINT, or until `idle_minutes` have passed without a request.

    `on_ready` gets the URL and the names of the models once they can be used. A sidecar that only embeds runs without
    `with_memories`, so that it does not open the memories to other users of this machine.
    """
    _on_stop(_quit_now)
    secret(store_settings().dreams_home)
    with _listen(settings.host, settings.port) as listener:
        registry = _load(settings)
        store = ServedStore(registry) if with_memories else None
        app = Idleness(create_app(registry, settings, store))
        server = http_server(
            app, lifespan="off", timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=STOP_SECONDS
        )
        _on_stop(server.handle_exit)
        if idle_minutes is not None:
            _stop_when_idle(server, app, idle_minutes * 60)
        on_ready(_url_of(listener), registry.names)
        try:
            server.run(sockets=[listener])
        finally:
            if store is not None:
                store.close()
            registry.close()


def _serve_in_background(settings: SidecarSettings, lock: int | None, idle_minutes: float) -> None:
    """Serves all processes that find the announcement file; `lock` is the descriptor of the starter's lock, if any.

    Raises InputError when another sidecar runs in the background or is being started.
    """
    if lock is None and hold(store_settings()) is None:
        raise InputError("a sidecar runs in the background already, or is being started: use that one")
    file = announcement(store_settings())
    try:
        serve(settings, lambda url, _: _write_announcement(file, url), idle_minutes, with_memories=False)
    finally:
        if file.is_file():
            file.unlink()


def _load(settings: SidecarSettings) -> Registry:
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    embedder = AllMiniLM()
    aliases = (f"{embedder.name}:latest", f"{embedder.name}:l6-v2")
    return open_registry(settings, [ServedModel(embedder, aliases, settings.request_texts)])


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; a connection made before the models are loaded waits for them.

    Raises InputError when the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"Port {port} on {host} is taken: stop what listens there, or set SIDECAR_PORT to another port."
            ) from error
        raise InputError(
            f"Set SIDECAR_HOST and SIDECAR_PORT to an address of this machine: {error.strerror}."
        ) from error


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _on_stop(handle: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def _quit_now(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _stop_with_parent() -> None:
    """Stops this process when standard input ends, because the parent closed it or died."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _stop_when_idle(server: uvicorn.Server, app: Idleness, limit_seconds: float) -> None:
    """Stops the server after `limit_seconds` without a request."""

    def wait() -> None:
        while app.seconds < limit_seconds:
            time.sleep(min(limit_seconds / 4, LONGEST_IDLE_CHECK_SECONDS))
        server.should_exit = True

    threading.Thread(target=wait, name="idle", daemon=True).start()


def _write_announcement(file: Path, url: str) -> None:
    """Writes the URL and this process's id to `file` atomically. Raises InputError when it cannot be written."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    try:
        unfinished.touch(mode=0o600, exist_ok=False)
        unfinished.write_text(Announcement(url=url, pid=os.getpid()).model_dump_json(), encoding="utf-8")
        unfinished.rename(file)
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}): remove it, and ask again.") from error


def _announce(url: str, models: list[str]) -> None:
    sys.stdout.write(json.dumps({"url": url, "models": models}) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sidecar.serve", description="Serve the models of Codex Dreams.")
    parser.add_argument(
        "--child",
        action="store_true",
        help="take a free port of this machine and no API key, and stop when standard input ends",
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="take a free port of this machine and no API key, say where in DREAMS_HOME, and leave when idle",
    )
    parser.add_argument("--idle-minutes", type=float, default=IDLE_MINUTES, help="when that is (default: %(default)s)")
    parser.add_argument("--lock", type=int, help="descriptor of the held lock, from a process that starts this one")
    options = parser.parse_args()
    keep_to_owner()
    with one_sentence(lambda sentence: sys.stderr.write(f"{sentence}\n")):
        chosen = settings()
        if options.child or options.background:
            chosen = chosen.model_copy(update={"host": "127.0.0.1", "port": 0, "api_key": None})
        if options.child:
            _stop_with_parent()
        if options.background:
            _serve_in_background(chosen, options.lock, options.idle_minutes)
        else:
            serve(chosen, _announce, with_memories=not options.child)
    return 0


if __name__ == "__main__":
    sys.exit(main())
