"""Waits for Prefect's server to start as long as it makes progress, reporting what it does, or why it fails."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from memories.errors import ScheduleError

POLL_SECONDS = 0.2
OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """The longest that a start may take, and may use no processor, and how often to report on it."""

    seconds: float = 1800
    idle_seconds: float = 120
    telling_seconds: float = 10


def wait_until_ready(
    process: subprocess.Popen[bytes],
    is_ready: Callable[[], bool],
    log: Path,
    on_step: OnStep,
    patience: Patience = Patience(),
) -> None:
    """Returns when the server is ready. Raises ScheduleError, with its log's last line, when it ends or hangs."""
    on_step("Prefect's server is starting; the first start creates its database, which takes minutes on a slow machine")
    started = progressed = told = time.monotonic()
    used = 0.0
    while process.poll() is None:
        if is_ready():
            return
        now, before = time.monotonic(), used
        used = _processor_seconds(process, before)
        progressed = now if used > before else progressed
        if now - progressed > patience.idle_seconds or now - started > patience.seconds:
            raise ScheduleError(
                f"Prefect's server does not answer after {now - started:.0f} s; {_last_words(log)}. "
                f"See in its log what it waits for ({log}), and run this again"
            )
        if now - told > patience.telling_seconds:
            told = now
            on_step(f"Prefect's server is still starting after {now - started:.0f} s; {_last_words(log)}")
        time.sleep(POLL_SECONDS)
    raise ScheduleError(
        f"Prefect's server ended with code {process.returncode} before it answered; {_last_words(log)}. "
        f"Fix that, and run this again (its log is {log})"
    )


def _processor_seconds(process: subprocess.Popen[bytes], before: float) -> float:
    try:
        times = psutil.Process(process.pid).cpu_times()
    except psutil.NoSuchProcess:
        return before
    return times.user + times.system


def _last_words(log: Path) -> str:
    said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"its last line: {said[-1]}" if said else "it printed nothing"
