"""Runs the sidecar until it is told to stop: `python -m sidecar.serve`. It writes no file.

With `--child` it belongs to the process that started it: it takes a free port of this machine, writes one JSON line
(`{"url": …, "models": […]}`) to standard output when it can be used, and stops when its standard input ends. A parent
that keeps the other end of that pipe open need do nothing else: however it dies, the sidecar goes with it.
"""

import argparse
import errno
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

import torch
import uvicorn

from memories.errors import DreamsError, InputError
from sidecar.api.app import create_app
from sidecar.embedders.all_minilm import AllMiniLM
from sidecar.registry import Registry, ServedModel
from sidecar.settings import SidecarSettings, settings

Ready = Callable[[str, list[str]], None]
# Longer than a client keeps a quiet connection, so that it is never closed under a request on its way.
KEEP_ALIVE_SECONDS = 600
STOP_SECONDS = 10


def serve(settings: SidecarSettings, on_ready: Ready) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` gets the URL and the names of the models once both can be used."""
    on_stop(quit_now)
    with listen(settings.host, settings.port) as listener:
        registry = load(settings)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(registry, settings),
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        on_stop(server.handle_exit)
        on_ready(url_of(listener), [model.embedder.name for model in registry.models])
        try:
            server.run(sockets=[listener])
        finally:
            registry.close()


def load(settings: SidecarSettings) -> Registry:
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    embedder = AllMiniLM()
    aliases = (f"{embedder.name}:latest", f"{embedder.name}:l6-v2")
    return Registry([ServedModel(embedder, aliases, settings.request_texts)])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; a connection made before the models are loaded waits for them."""
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


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def on_stop(handle: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def quit_now(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def stop_with_parent() -> None:
    """Ask this process to stop when standard input ends, which is when the parent closes it or is gone."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def announce(url: str, models: list[str]) -> None:
    sys.stdout.write(json.dumps({"url": url, "models": models}) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sidecar.serve", description="Serve the models of Codex Dreams.")
    parser.add_argument(
        "--child",
        action="store_true",
        help="take a free port of this machine and no API key, and stop when standard input ends",
    )
    options = parser.parse_args()
    try:
        chosen = settings()
        if options.child:
            stop_with_parent()
            chosen = chosen.model_copy(update={"host": "127.0.0.1", "port": 0, "api_key": None})
        serve(chosen, announce)
    except DreamsError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
