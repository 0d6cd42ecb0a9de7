"""A background thread for work that no caller should wait for."""

import logging
from collections.abc import Callable
from threading import Event, Thread

import psycopg

from memories.errors import DreamsError

GATHER_SECONDS = 0.25
RETRY_SECONDS = 5.0
logger = logging.getLogger(__name__)


class Worker:
    """Calls `work` shortly after being woken, once for all wake-ups in between; retries after a failure."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._work = work
        self._woken = Event()
        self._hurried = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def hurry(self) -> None:
        """Wakes the thread without delay, for a caller who is waiting."""
        self._hurried.set()
        self._woken.set()

    @property
    def is_stopping(self) -> bool:
        """Whether `work` should finish."""
        return self._stopping.is_set()

    def stop(self, timeout_seconds: float) -> None:
        """Ends the thread after its current call; wake-ups since then are dropped. Waits up to `timeout_seconds`."""
        self._stopping.set()
        self.hurry()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait()
            self._hurried.wait(GATHER_SECONDS)
            if self._stopping.is_set():
                return
            self._woken.clear()
            self._hurried.clear()
            try:
                self._work()
            except (psycopg.Error, DreamsError, OSError) as error:
                logger.warning("work in the background failed and will be tried again: %s", error)
                self._stopping.wait(RETRY_SECONDS)
                self._woken.set()
