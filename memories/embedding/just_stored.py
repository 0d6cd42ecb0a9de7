"""Embeds newly stored memories in the background, so that searches soon find them by meaning."""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Condition
from uuid import UUID

from memories.embedding.embed import (
    Batch,
    embed_batch,
    newest_waiting,
    waiting_among,
)
from memories.embedding.vectors import Embed
from memories.errors import ModelError
from memories.postgres.database import Connection
from memories.worker import Worker

NEWEST_MEMORIES = 32
# What the model takes at once: one text of any length, or several short ones.
STEP_MEMORIES = 8
STEP_CHARACTERS = 4_000
# How long a search waits for new vectors: for all of them, and for the first step if the model is slow.
SEARCH_SECONDS = 0.2
NEWEST_SECONDS = 1.0
REMEMBERED_STORES = 10_000
logger = logging.getLogger(__name__)


class Newcomers:
    """Memories that wait for their vectors, and the one thread that computes them, newest first.

    Memories stored here are embedded if `has_model` reports a running model; those that a search waits for, always.
    """

    def __init__(
        self,
        embed: Embed,
        model: str,
        connected: Callable[[], AbstractContextManager[Connection]],
        has_model: Callable[[], bool],
    ) -> None:
        self._embed = embed
        self._model = model
        self._connected = connected
        self._has_model = has_model
        self._noted: deque[UUID] = deque(maxlen=REMEMBERED_STORES)
        self._turn = Condition()
        # Numbers of searches: the last that asked, the last whose first step is done, the last whose every step is.
        self._asked = self._begun = self._answered = 0
        self._made = 0
        self._worker = Worker("dreams-vectors", self._work)

    def note(self, memory_id: UUID) -> None:
        """Queues a memory that was stored or edited for embedding."""
        self._noted.append(memory_id)
        self._worker.wake()

    def are_waiting(self, connection: Connection) -> bool:
        """Whether a search would find more if it waited."""
        return bool(newest_waiting(connection, self._model, NEWEST_MEMORIES))

    def wait(self) -> None:
        """Waits briefly while the newest memories of any process are embedded; the rest follow after the search."""
        deadline = time.monotonic() + SEARCH_SECONDS
        with self._turn:
            self._asked += 1
            mine = self._asked
            self._worker.hurry()
            self._turn.wait_for(lambda: self._begun >= mine, NEWEST_SECONDS)
            self._turn.wait_for(lambda: self._answered >= mine, max(deadline - time.monotonic(), 0))

    def stop(self, timeout_seconds: float) -> None:
        """Ends after the current step; a later search or cycle embeds what is left."""
        self._worker.stop(timeout_seconds)

    def _work(self) -> None:
        with self._connected() as connection:
            while not self._worker.is_stopping and (self._embed_newest(connection) or self._embed_noted(connection)):
                pass

    def _embed_newest(self, connection: Connection) -> bool:
        """Embeds a step for the searches that have asked; False when there is nothing more to do for them."""
        with self._turn:
            asked = self._asked
            if asked == self._answered:
                return False
            self._made = self._made if asked == self._begun else 0
        step = _step(newest_waiting(connection, self._model, NEWEST_MEMORIES))
        self._made += len(step)
        goes_on = bool(step) and self._embed_step(connection, step) and self._made < NEWEST_MEMORIES
        with self._turn:
            self._begun = asked
            self._answered = self._answered if goes_on else asked
            self._turn.notify_all()
        return goes_on

    def _embed_noted(self, connection: Connection) -> bool:
        """Embeds a step of the queue; False when it is empty, there is no model, or nothing could be embedded."""
        if not self._noted or not self._has_model():
            return False
        memory_ids = {self._noted.popleft() for _ in range(min(len(self._noted), STEP_MEMORIES))}
        batch = waiting_among(connection, self._model, memory_ids, STEP_MEMORIES)
        step = _step(batch)
        is_done = not step or self._embed_step(connection, step)
        if not is_done or len(step) < len(batch) or len(batch) == STEP_MEMORIES:
            self._noted.extendleft(memory_ids)
        return is_done and bool(self._noted)

    def _embed_step(self, connection: Connection, step: Batch) -> bool:
        """Embeds a step; False without progress, as when other transactions hold the rows, which are left for later."""
        try:
            return embed_batch(connection, self._embed, self._model, step) > 0
        except ModelError as error:
            logger.info("memories stored just now have no vectors yet: %s", error)
            return False


def _step(batch: Batch) -> Batch:
    """The first memory of a batch, and as many after it as stay within the limits of a step."""
    characters = 0
    for count, waiting in enumerate(batch[:STEP_MEMORIES]):
        characters += len(waiting.content)
        if count and characters > STEP_CHARACTERS:
            return batch[:count]
    return batch[:STEP_MEMORIES]
