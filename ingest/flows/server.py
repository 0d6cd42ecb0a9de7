"""Prefect's server as a child process: on this machine only, and gone when its parent is. Started by the schedules."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import uvicorn
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.settings import get_current_settings
from prefect.states import Crashed

from ingest.child import end_with_parent
from memories.errors import ScheduleError
from memories.home import keep_to_owner
from memories.settings import PROJECT_ROOT

LOOPBACK = "127.0.0.1"
START_TIMEOUT_SECONDS = 90
SHUTDOWN_TIMEOUT_SECONDS = 5
STOP_TIMEOUT_SECONDS = 15
POLL_SECONDS = 0.2


@contextmanager
def server(home: Path) -> Iterator[str]:
    """The address of Prefect's server: the one the settings name, or one that runs as long as the block."""
    settings = get_current_settings()
    if settings.api.url is not None:
        yield settings.api.url.removesuffix("/").removesuffix("/api")
        return
    port = settings.server.api.port
    _check_free(port)
    log = home / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest.flows.server", str(port)],
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            # Ctrl-C is for the parent, which tells the server what it still has to know.
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, f"http://{LOOPBACK}:{port}", log)
        _close_interrupted_runs(f"http://{LOOPBACK}:{port}/api")
        yield f"http://{LOOPBACK}:{port}"
    finally:
        _stop(process)


def _check_free(port: int) -> None:
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError as error:
            raise ScheduleError(f"port {port} is taken: set PREFECT_SERVER_API_PORT to one that is free") from error


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"{address}/api/health").is_success:
                return
        time.sleep(POLL_SECONDS)
    raise ScheduleError(f"Prefect's server did not start: {log} says why")


def _close_interrupted_runs(api_url: str) -> None:
    """Marks the runs in which an earlier scheduler was stopped: they would be shown as running for ever."""
    begun = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
    with SyncPrefectClient(api_url) as client:
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
    end_with_parent()
    keep_to_owner()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host=LOOPBACK,
        port=int(sys.argv[1]),
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
    )


if __name__ == "__main__":
    main()
