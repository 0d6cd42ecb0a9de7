"""Runs Prefect's server as a child process: only for its owner, only on this machine, only as long as its parent."""

import base64
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import uvicorn
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, get_current_settings, temporary_settings
from prefect.states import Crashed

from ingest.child import end_with_parent
from ingest.flows.gate import Gate
from ingest.flows.sign_in import sign_in_file
from ingest.flows.start import OnStep, wait_until_ready
from memories.errors import ScheduleError
from memories.home import FILE_MODE, keep_to_owner
from memories.serving.own_key import own_key
from memories.settings import PROJECT_ROOT

LOOPBACK = "127.0.0.1"
LOG = "server.log"
KEPT_IN = "password"
USER = "dreams"
ANSWER_SECONDS = 3
SHUTDOWN_TIMEOUT_SECONDS = 5
STOP_TIMEOUT_SECONDS = 15


@contextmanager
def server(home: Path, on_step: OnStep) -> Iterator[str]:
    """Yields the address of Prefect's server: the one that the settings name, or one that runs during the block.

    Within the block, Prefect's settings hold its address and its password.
    """
    settings = get_current_settings()
    if settings.api.url is not None:
        yield settings.api.url.removesuffix("/").removesuffix("/api")
        return
    given = settings.server.api.auth_string
    secret = (given and given.get_secret_value()) or own_key(home, KEPT_IN, USER)
    address = f"http://{LOOPBACK}:{settings.server.api.port}"
    with (
        _listener(settings.server.api.port) as listener,
        _process(listener, address, secret, home / LOG) as process,
        temporary_settings({PREFECT_API_URL: f"{address}/api", PREFECT_API_AUTH_STRING: secret}),
    ):
        wait_until_ready(process, lambda: _answers(address, secret), home / LOG, on_step)
        _close_interrupted_runs()
        with sign_in_file(home, address, secret):
            yield address


@contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    """Listens on a port. Both processes hold the socket, so no other program can answer there and get the password."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it; without it each answer waits some 40 ms for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen()
        except OSError as error:
            raise ScheduleError(
                f"port {port} cannot be used ({error.strerror}): set PREFECT_SERVER_API_PORT to one that is free"
            ) from error
        yield listener


@contextmanager
def _process(listener: socket.socket, address: str, secret: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address,
        # Relative, so that the interface calls the server that it came from, under each of its names.
        "PREFECT_UI_API_URL": "/api",
    }
    log.unlink(missing_ok=True)
    log.touch(FILE_MODE)
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest.flows.server", str(listener.fileno())],
            cwd=PROJECT_ROOT,
            env=environment,
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            # Ctrl-C is for the parent, which then still reports to the server.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _answers(address: str, secret: str) -> bool:
    authorization = f"Basic {base64.b64encode(secret.encode()).decode()}"
    with suppress(httpx.TransportError):
        answer = httpx.get(
            f"{address}/api/health", headers={"Authorization": authorization}, timeout=ANSWER_SECONDS, trust_env=False
        )
        return answer.is_success
    return False


def _close_interrupted_runs() -> None:
    """Marks as crashed the runs of an earlier scheduler that was stopped: they would be shown as running for ever."""
    begun = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=begun))):
            client.set_flow_run_state(run.id, Crashed(message="the scheduler was stopped"), force=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    process.stdin.close()
    try:
        process.wait(timeout=STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Runs the server in the child process, on the socket that its parent listens on."""
    end_with_parent()
    keep_to_owner()
    # This import takes seconds, and only the server needs it.
    from prefect.server.api.server import create_app

    secret = get_current_settings().server.api.auth_string
    assert secret is not None, "the parent gives the password"  # noqa: S101
    listener = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        Gate(create_app(), listener.getsockname()[1], secret.get_secret_value()),
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
    )
    running = uvicorn.Server(config)
    running.run(sockets=[listener])
    sys.exit(0 if running.started else "the server could not start")


if __name__ == "__main__":
    main()
