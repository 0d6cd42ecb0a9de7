"""Opens the store behind the memories routes at the first request that needs it; the models are served without one."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import CancelledError
from threading import Lock

from memories.embedding.vectors import Embed
from memories.errors import ModelUnreachable
from memories.memory import Memory
from memories.postgres.database import connect
from memories.postgres.migrate import pending
from memories.settings import settings
from memories.views.monitor import Measured, readings
from sidecar.embedders.protocol import Vectors
from sidecar.embedders.queue import ServedModel
from sidecar.registry import Registry

EMBED_SECONDS = 60.0


class ServedStore:
    """One `Memory`, whose queries this sidecar's own model embeds if it is the store's model."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._opening = Lock()
        self._memory: Memory | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._read_cycle: object = None
        self._readings: Sequence[Measured] = []

    def answer_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sets the event loop that serves requests and runs the models."""
        self._loop = loop

    def memory(self) -> Memory:
        """The opened store; call it from worker threads only, since opening may start Postgres.

        Raises StoreError when it cannot be opened; the next request tries again.
        """
        with self._opening:
            if self._memory is None:
                self._memory = Memory(embed=self._own_embed())
            return self._memory

    def check(self) -> None:
        """Raises StoreUnreachable when Postgres is configured or already in use, and does not answer."""
        if self._is_wanted():
            with connect():
                pass

    def readings(self) -> Sequence[Measured]:
        """The figures of the visible cycle, read once a cycle; none without a Postgres, or with migrations pending.

        Raises StoreUnreachable when Postgres is configured or in use, and does not answer.
        """
        if not self._is_wanted() or pending():
            return []
        with connect() as connection:
            cycle = connection.execute("select cycle_id from dreams.visible_cycle").fetchone()
            if cycle != self._read_cycle:
                self._readings, self._read_cycle = readings(connection), cycle
            return self._readings

    def close(self) -> None:
        with self._opening:
            if self._memory is not None:
                self._memory.close()

    def _is_wanted(self) -> bool:
        return self._memory is not None or settings().postgres_db_url is not None

    def _own_embed(self) -> Embed | None:
        """None when the store uses a model that is served elsewhere, which its `Memory` then finds by itself."""
        name = settings().embedding_model
        model = next((model for model in self._registry.models if name in model.names), None)
        return None if model is None else lambda texts: self._embed(model, texts)

    def _embed(self, model: ServedModel, texts: Sequence[str]) -> Vectors:
        if self._loop is None or self._loop.is_closed():
            raise ModelUnreachable("the sidecar has stopped: start it again with `dreams serve`")
        embedding = asyncio.run_coroutine_threadsafe(model.embed(texts), self._loop)
        try:
            return embedding.result(EMBED_SECONDS).vectors
        except (CancelledError, TimeoutError) as error:
            embedding.cancel()
            raise ModelUnreachable("the sidecar is too busy, or stopping: ask again") from error
