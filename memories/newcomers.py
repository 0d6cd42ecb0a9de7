"""Gives memories that were just stored their vectors, so that they are found by meaning at once. Called by `Memory`."""

import logging
import time
from collections import deque
from threading import Lock
from uuid import UUID

from memories.database import Connection
from memories.embedding import Batch, embed_batch, newest_waiting, waiting_among
from memories.errors import ModelError
from memories.vectors import Embed

NEWEST_MEMORIES = 32
BATCH_MEMORIES = 8
# So long may a search wait for them, and for one batch more.
SEARCH_SECONDS = 0.2
REMEMBERED_STORES = 10_000
logger = logging.getLogger(__name__)


class Newcomers:
    """Memories that wait for their vectors. Any thread may call it; one at a time embeds."""

    def __init__(self, embed: Embed, model: str) -> None:
        self._embed = embed
        self._model = model
        self._noted: deque[UUID] = deque(maxlen=REMEMBERED_STORES)
        self._embedding = Lock()

    def note(self, memory_id: UUID) -> None:
        """Remembers that a memory was stored or edited; `embed_noted` will come to it."""
        self._noted.append(memory_id)

    @property
    def has_noted(self) -> bool:
        return bool(self._noted)

    def embed_newest(self, connection: Connection) -> None:
        """Embeds the newest that any process stored, before a search. What cannot be embedded does not stop it."""
        if not newest_waiting(connection, self._model, NEWEST_MEMORIES):
            return
        started = time.monotonic()
        with self._embedding:
            waiting = newest_waiting(connection, self._model, NEWEST_MEMORIES)
            for start in range(0, len(waiting), BATCH_MEMORIES):
                done = self._embed_batch(connection, waiting[start : start + BATCH_MEMORIES])
                if not done or time.monotonic() - started > SEARCH_SECONDS:
                    return

    def embed_noted(self, connection: Connection) -> bool:
        """Embeds some of what was noted; False when there is nothing left to do, or no model to do it with."""
        memory_ids = {self._noted.popleft() for _ in range(min(len(self._noted), BATCH_MEMORIES))}
        with self._embedding:
            batch = waiting_among(connection, self._model, memory_ids, BATCH_MEMORIES)
            done = self._embed_batch(connection, batch)
        if not done or len(batch) == BATCH_MEMORIES:
            self._noted.extendleft(memory_ids)
        return done and self.has_noted

    def _embed_batch(self, connection: Connection, batch: Batch) -> bool:
        """Whether anything came of it: rows that another transaction holds are left for later."""
        try:
            return not batch or embed_batch(connection, self._embed, self._model, batch) > 0
        except ModelError as error:
            logger.info("memories stored just now have no vectors yet: %s", error)
            return False
