"""Chooses the model by which a search compares meanings, and embeds queries with it.

While a store changes to another model, its memories are embedded anew one after the other. A search goes on with the
model of most memories: first the old one, then the new.
"""

import time
from collections import OrderedDict
from threading import Lock

import numpy
from numpy.typing import NDArray

from memories.embedding.embed import unit_vector
from memories.embedding.embedder import Embedder
from memories.embedding.vectors import Embed, as_query
from memories.postgres.database import Connection
from memories.settings import BUILT_IN_MODEL, settings

REMEMBERED_QUERIES = 256
RECHECK_SECONDS = 60.0

# Ids are random, so the first ones are a fair sample.
MOST_COMMON = """
select embedding_model from (
    select embedding_model from public.memories where embedding_vector is not null order by id limit 1000
) as sample
group by embedding_model order by count(*) desc, embedding_model = %s desc limit 1
"""


class QueryModels:
    """The models of one open store: the configured one, and another while its vectors are replaced. Thread-safe."""

    def __init__(self, configured: str, embed: Embed) -> None:
        self._configured = configured
        self._embedders: dict[str, Embed] = {configured: embed}
        self._vectors: OrderedDict[tuple[str, str], NDArray[numpy.float32]] = OrderedDict()
        self._lock = Lock()
        self._current = configured
        self._checked_at = -RECHECK_SECONDS

    def current(self, connection: Connection) -> str:
        """The model of most memories; the configured one in a store without vectors."""
        now = time.monotonic()
        with self._lock:
            if now - self._checked_at < RECHECK_SECONDS:
                return self._current
        found = connection.execute(MOST_COMMON, (self._configured,)).fetchone()
        with self._lock:
            self._current = self._configured if found is None else str(found[0])
            self._checked_at = now
            return self._current

    def vector(self, model: str, query: str) -> NDArray[numpy.float32]:
        """The vector of a query, of length one. Raises ModelError when the model gives none."""
        with self._lock:
            known = self._vectors.get((model, query))
        if known is not None:
            return known
        vector = unit_vector(self._embedder(model), as_query(model, query))
        with self._lock:
            self._vectors[model, query] = vector
            if len(self._vectors) > REMEMBERED_QUERIES:
                self._vectors.popitem(last=False)
        return vector

    def close(self) -> None:
        for embed in self._embedders.values():
            if isinstance(embed, Embedder):
                embed.close()

    def _embedder(self, model: str) -> Embed:
        """The embedder of a model: that of the sidecar for the one it has built in, else the configured server's."""
        with self._lock:
            if model not in self._embedders:
                changes: dict[str, object] = {"embedding_model": model}
                if model == BUILT_IN_MODEL:
                    changes["ollama_url"] = None
                self._embedders[model] = Embedder(settings().model_copy(update=changes))
            return self._embedders[model]
