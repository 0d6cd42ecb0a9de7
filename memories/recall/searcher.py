"""Keeps what the searches of one open store share: the word index, the models, and what memories have in common."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from uuid import UUID

import numpy
from numpy.typing import NDArray

from memories.embedding.embedder import Embedder
from memories.embedding.just_stored import Newcomers
from memories.embedding.query_models import QueryModels
from memories.embedding.vectors import Embed
from memories.errors import ModelError
from memories.lexical.index import LexicalIndex
from memories.postgres.database import Connection
from memories.postgres.pool import StorePool
from memories.recall.fusion import Familiarity
from memories.recall.question import Request, Sources, VectorOf
from memories.recall.search import search
from memories.recall.second_connection import beside
from memories.records import Answer
from memories.when.anchor import anchor

CLOSE_SECONDS = 10.0
WITHOUT_MODEL = "Answered by words and associations alone"
VectorOfModel = Callable[[str, str], NDArray[numpy.float32] | None]


class Searcher:
    """Searches one open store; thread-safe. `lexical_folder` holds the word index, `embed` computes vectors."""

    def __init__(self, pool: StorePool, lexical_folder: Path, model: str, embed: Embed) -> None:
        self._pool = pool
        self._lexical_folder = lexical_folder
        self._embed = embed
        self._models = QueryModels(model, embed)
        self._familiarity: dict[str, Familiarity] = {}
        self._lexical: LexicalIndex | None = None
        self._opening = Lock()
        self._newcomers = Newcomers(embed, model, pool.connection, self._has_model)

    def answer(self, request: Request, *, words_only: bool, is_present: bool) -> Answer:
        """The answer to a request; without a model, words and associations alone decide, and its `note` says so.

        A search of the present by meaning first waits briefly for the vectors of the newest memories.
        """
        notes = [] if words_only else self._missing_model()
        asks_model = not words_only and not notes

        def vector_of(model: str, text: str) -> NDArray[numpy.float32] | None:
            try:
                return self._models.vector(model, text)
            except ModelError as error:
                notes.append(f"{WITHOUT_MODEL}: {error}.")
                return None

        answer = self._answered(request, vector_of if asks_model else None, waits=asks_model and is_present)
        return replace(answer, note=notes[0]) if notes else answer

    def note(self, memory_id: UUID) -> None:
        """Queues a memory that was stored or edited for embedding."""
        self._newcomers.note(memory_id)

    def settle(self, connection: Connection) -> None:
        """Settles the word index, if a search has opened it: `LexicalIndex.settle`."""
        if self._lexical is not None:
            self._lexical.settle(connection)

    def close(self) -> None:
        """Ends embedding after its current step, and releases the word index and the model."""
        self._newcomers.stop(CLOSE_SECONDS)
        if self._lexical is not None:
            self._lexical.close()
        self._models.close()

    def _missing_model(self) -> list[str]:
        """Finds or starts the model without holding a connection meanwhile; returns what went wrong, if anything."""
        try:
            if isinstance(self._embed, Embedder):
                self._embed.find()
        except ModelError as error:
            return [f"{WITHOUT_MODEL}: {error}."]
        return []

    def _opened_lexical(self) -> LexicalIndex:
        with self._opening:
            if self._lexical is None:
                self._lexical = LexicalIndex(self._lexical_folder)
            return self._lexical

    def _answered(self, request: Request, vector_of: VectorOfModel | None, *, waits: bool) -> Answer:
        """Searches; if it `waits`, the newest memories get their vectors first."""
        with self._pool.connection() as connection:
            if not (waits and self._newcomers.are_waiting(connection)):
                return self._searched(connection, request, vector_of)
        # The thread that computes the vectors needs a connection: this one is given back meanwhile.
        self._newcomers.wait()
        with self._pool.connection() as connection:
            return self._searched(connection, request, vector_of)

    def _searched(self, connection: Connection, request: Request, vector_of: VectorOfModel | None) -> Answer:
        with beside(self._pool, connection) as second:
            model = self._models.current(connection)
            sources = Sources(connection, second, self._opened_lexical(), self._familiarity_of(model))
            vector_by_model = partial(vector_of, model) if vector_of else None
            return search(_anchored(request, sources, model, vector_by_model), sources, model, vector_by_model)

    def _familiarity_of(self, model: str) -> Familiarity:
        with self._opening:
            return self._familiarity.setdefault(model, Familiarity(model))

    def _has_model(self) -> bool:
        return not isinstance(self._embed, Embedder) or self._embed.is_ready()


def _anchored(request: Request, sources: Sources, model: str, vector_of: VectorOf | None) -> Request:
    """The request with the time that its query counts from an event, if the event is surely recorded."""
    counted = anchor(request.query) if "time" not in request.without else None
    if counted is None:
        return request
    event = search(replace(request, query=counted.event, k=1), sources, model, vector_of)
    if not event.is_sure or event.results[0].memory.created_at is None:
        return request
    return replace(request, periods=list(counted.periods(event.results[0].memory.created_at)))
