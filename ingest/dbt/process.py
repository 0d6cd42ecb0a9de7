"""Runs dbt in a separate process, which ends with its cycle even if the cycle is killed.

A fork server imports dbt and makes ready what each run needs, which takes seconds: the first cycle of a program can do
other things meanwhile, and the next ones need not wait. dbt would also take seconds to write its artifacts and to
format its thousands of events; this process only writes what each model took, and prints errors.
"""

import gc
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ingest.child import end_with_starter
from ingest.dbt.model_events import OnModel, receive, sender
from memories.home import keep_to_owner
from memories.postgres.sockets import temporary_parent

# The unit of ru_maxrss, in bytes.
MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024
# dbt makes many objects that live as long as its run: Python's own 700 would search them again and again.
OBJECTS_BETWEEN_COLLECTIONS = 100_000
_processes = multiprocessing.get_context("forkserver")


def get_ready() -> None:
    """Starts the fork server, which imports dbt and makes it ready in the background."""
    _processes.set_forkserver_preload(["ingest.dbt.preloaded", __name__])
    # Ctrl-C is for the cycle, not for the fork server, which would print a traceback of its imports. The tracker
    # comes first: if the fork server had to start it, that would unblock the signal again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _room_for_a_socket():
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _room_for_a_socket() -> Iterator[None]:
    """Gives the fork server a short temporary folder, since the usual path may be too long for a socket's name."""
    before = tempfile.tempdir
    tempfile.tempdir = temporary_parent()
    try:
        yield
    finally:
        tempfile.tempdir = before


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    said: Path,
    took: Path,
    on_model: OnModel,
) -> bool:
    """Runs dbt in a folder, passing each model's events to `on_model`; returns whether it succeeded.

    File `said` gets dbt's output; `took` gets, as JSON, the seconds of each model and the peak memory in bytes.
    """
    get_ready()
    receiver, events = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_invoke, args=(arguments, dict(environment), folder, said, took, events))
    process.start()
    events.close()
    try:
        receive(receiver, on_model)
        process.join()
        return process.exitcode == 0
    finally:
        process.terminate()
        process.join()


def _print_errors(said: Any) -> None:
    """Prints what dbt reports as an error. dbt's own logs would format each of its thousands of events first."""
    if said.info.level == "error":
        sys.stdout.write(f"{said.info.msg}\n")


def _invoke(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    said: Path,
    took: Path,
    events: Connection,
) -> None:
    end_with_starter()
    keep_to_owner()
    with said.open("w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    outcome = dbtRunner(callbacks=[sender(events), _print_errors]).invoke(list(arguments))
    if outcome.exception is not None:
        sys.exit(f"{type(outcome.exception).__name__}: {outcome.exception}")
    if not outcome.success:
        sys.exit(1)
    runs = outcome.result.results if isinstance(outcome.result, RunExecutionResult) else []
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MEMORY_UNIT
    took.write_text(json.dumps({"seconds": {run.node.name: run.execution_time for run in runs}, "most_bytes": most}))
