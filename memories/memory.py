"""Stores, searches and forgets memories: `Memory` serves Python, the command line, HTTP and MCP alike."""

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from threading import Lock
from types import TracebackType
from typing import Literal, Self
from uuid import UUID

import numpy
import psycopg
from numpy.typing import NDArray
from psycopg_pool import ConnectionPool

from memories.documents.deletion_preview import Forgettable, forgettable
from memories.documents.edit import MemoryChanges, edit
from memories.documents.memoir import RowPlace, document_rows, memoir, places
from memories.documents.receipt import Receipt, forget_with_receipt
from memories.documents.storable import check_metadata, check_text
from memories.documents.write import (
    Stored,
    content_hash,
    find,
    pin,
    put,
)
from memories.embedding.embed import unit_vector
from memories.embedding.embedder import Embedder
from memories.embedding.just_stored import Newcomers
from memories.embedding.vectors import Embed, as_query
from memories.errors import InputError, ModelError, NotListed, StoreError, StoreUnreachable
from memories.faults import of_postgres
from memories.instant import in_utc
from memories.lexical.changes import store_identity
from memories.lexical.index import LexicalIndex
from memories.limits import MOST_RESULTS, check_memory, check_query
from memories.postgres.database import Connection, url, without_password
from memories.postgres.migrate import migrate, pending
from memories.quoting.handed_out import with_citations
from memories.quoting.quotation import Quoter, quotation_key
from memories.recall import candidates
from memories.recall.events import EventWriter, Recall
from memories.recall.fusion import Familiarity
from memories.recall.question import Request, Sources, VectorOf
from memories.recall.search import search
from memories.recall.second_connection import beside
from memories.records import TERMS, Answer, Document, Filters, Memoir, Term
from memories.settings import settings
from memories.views import overview
from memories.views.explanation import (
    Explanation,
    explain,
    fates,
    placed_in,
)
from memories.worker import Worker

SOURCE = "dreams"
MOST_CONNECTIONS = 12
# The SQLSTATE classes of a broken connection and of a server that shuts down; with no SQLSTATE, nothing answered.
CONNECTION_LOST = ("08", "57P")
EXPLAINED_RESULTS = 200
REMEMBERED_QUERIES = 256
CONNECT_SECONDS = 15.0
CLOSE_SECONDS = 10.0
NO_FILTERS = Filters()
WITHOUT_MODEL = "Answered by words and associations alone"
logger = logging.getLogger(__name__)


class Memory:
    """An open store; thread-safe. Close it, or use it in a `with` block.

    `database_url` defaults to the configured store. A new store, or one of an earlier version, is migrated. `embed`
    computes vectors; without it the sidecar or Ollama does, found or started when first needed.

    Raises StoreUnreachable when Postgres does not answer, and StoreUnsuitable when the store cannot be used. Every
    method raises StoreUnreachable when Postgres goes away.
    """

    def __init__(self, database_url: str | None = None, *, embed: Embed | None = None) -> None:
        self._url = database_url or url()
        if pending(self._url):
            migrate(self._url)
        self._model = settings().embedding_model
        self._embed = Embedder() if embed is None else embed
        self._query_vectors: OrderedDict[str, NDArray[numpy.float32]] = OrderedDict()
        self._familiarity = Familiarity(self._model)
        self._lexical: LexicalIndex | None = None
        self._opening = Lock()
        self._pool = _pool(self._url)
        with self._connection() as connection:
            name = sha256(store_identity(connection).encode()).hexdigest()[:12]
        self._lexical_folder = settings().dreams_home / "lexical" / name
        self._events = EventWriter(settings().dreams_home / "events" / name)
        self._newcomers = Newcomers(self._embed, self._model, self._connection, self._has_model)
        self._worker = Worker("dreams-memory", self._work)
        if self._events.has_events:
            self._worker.wake()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Writes pending events to Postgres and releases all resources. The next `Memory` writes events left over."""
        self._worker.stop(CLOSE_SECONDS)
        self._newcomers.stop(CLOSE_SECONDS)
        if self._events.has_events:
            try:
                with self._connection(CLOSE_SECONDS) as connection:
                    self._events.flush(connection)
            except (psycopg.Error, StoreUnreachable) as error:
                logger.warning("what was recalled will be recorded when the store is opened again: %s", error)
        self._events.close()
        if self._lexical is not None:
            self._lexical.close()
        if isinstance(self._embed, Embedder):
            self._embed.close()
        self._pool.close()

    def store(
        self,
        content: str,
        *,
        context: str = "",
        summary: str = "",
        tags: Sequence[str] = (),
        metadata: Mapping[str, object] | None = None,
        created_at: datetime | None = None,
    ) -> UUID:
        """Stores one memory as `put` does, and returns its id."""
        return self.put(
            content, context=context, summary=summary, tags=tags, metadata=metadata, created_at=created_at
        ).id

    def put(
        self,
        content: str,
        *,
        context: str = "",
        summary: str = "",
        tags: Sequence[str] = (),
        metadata: Mapping[str, object] | None = None,
        created_at: datetime | None = None,
    ) -> Stored:
        """Stores one memory and reports whether it is new; the same content again is a re-activation, and keeps its id.

        `created_at` defaults to now. `metadata.source` names where the memory came from (default "dreams").

        Raises InputError when the content is empty, or when a part is too large or cannot be kept in Postgres.
        """
        check_text(content)
        check_memory(content, context, summary, tags, metadata)
        document = Document(
            source=str((metadata or {}).get("source", SOURCE)),
            native_id=content_hash(content),
            content=content,
            context=context,
            summary=summary,
            tags=tags,
            metadata=metadata or {},
            created_at=created_at,
        )
        with self._connection() as connection:
            stored = put(connection, document)
        self._changed(stored.id)
        return stored

    def get(self, reference: str | UUID, *, query_id: UUID | None = None, record: bool = True) -> Memoir:
        """Returns the whole document with an id, its own or a chunk's; the first six characters of an id are enough.

        `query_id` is the search that listed it: memories opened from the same search become associated.

        Raises NotFound when there is none, InputError when the reference is not an id or matches several, and NotListed
        when that search did not list it.
        """
        with self._connection() as connection:
            memory_id = find(connection, reference)
            found = memoir(connection, memory_id)
        if record:
            self._used("opened", memory_id, query_id)
        return found

    def opened(self, reference: str | UUID, query_id: UUID | None = None) -> None:
        """Records that a memory was read. Raises NotFound and InputError as `get` does."""
        with self._connection() as connection:
            memory_id = find(connection, reference)
        self._used("opened", memory_id, query_id)

    def edit(
        self,
        reference: str | UUID,
        *,
        content: str | None = None,
        context: str | None = None,
        summary: str | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> Memoir:
        """MemoryChanges the given fields of a memory and returns the result; keeps the earlier state as a version.

        Raises NotFound as `get` does, ContentTaken when another memory has exactly this content, and InputError for
        what cannot be kept.
        """
        check_memory(content, context, summary, tags, metadata)
        with self._connection() as connection:
            memory_id = find(connection, reference)
            edited = edit(connection, memory_id, MemoryChanges(content, context, summary, tags, metadata))
        self._changed(edited.id)
        return edited

    def forgettable(self, reference: str | UUID) -> Forgettable:
        """Counts what `forget` would remove. Raises NotFound as `get` does."""
        with self._connection() as connection:
            return forgettable(connection, find(connection, reference))

    def forget(self, reference: str | UUID) -> Receipt:
        """Deletes a memory, all chunks of its document and every copy; returns what was removed and what remains.

        Raises NotFound as `get` does.
        """
        with self._connection() as connection:
            return forget_with_receipt(connection, find(connection, reference))

    def pin(self, reference: str | UUID, *, pinned: bool = True) -> UUID:
        """Keeps a memory from fading, or lets it fade again, from the next cycle on; returns its id.

        Raises NotFound as `get` does.
        """
        with self._connection() as connection:
            memory_id = find(connection, reference)
            pin(connection, memory_id, pinned=pinned)
        return memory_id

    def search(
        self,
        query: str,
        k: int = 10,
        filters: Filters = NO_FILTERS,
        *,
        as_of: datetime | None = None,
        without: Collection[Term] = (),
        words_only: bool = False,
        tag_weight: float = 0.0,
        record: bool = True,
    ) -> Answer:
        """Returns the `k` memories most relevant to a query, each with its reasons.

        `as_of` searches the store as it was; `without` switches terms off; `words_only` uses no model. `tag_weight`
        scales the share of the tags' similarity. Unless `as_of` is past or `record` is False, the results are recorded
        as events. Without a model, words and associations alone decide, and `note` says so.

        Raises InputError when the query is empty or an argument is out of range.
        """
        asked_at, as_of = datetime.now(UTC), as_of and in_utc(as_of)
        filters = _in_zone(filters)
        _check_search(query, k, filters, without, tag_weight)
        is_present = as_of is None or as_of >= asked_at
        notes = [] if words_only else self._missing_model()
        asks_model = not words_only and not notes

        def vector_of(text: str) -> NDArray[numpy.float32] | None:
            vector, note = self._vector(text)
            notes.extend([note] if note else [])
            return vector

        request = Request(query, k, filters, as_of, without, tag_weight)
        answer = self._answered(request, vector_of if asks_model else None, waits=asks_model and is_present)
        if record and is_present:
            self.listed(answer, asked_at)
        self._worker.wake()
        return replace(answer, note=notes[0]) if notes else answer

    def listed(self, answer: Answer, when: datetime | None = None) -> None:
        """Records that the results of a search were shown; `search` does this unless `record` is False."""
        shown_at = when or datetime.now(UTC)
        self._record(
            Recall(result.passage_id, "listed", shown_at, answer.query_id, result.rank, answer.query)
            for result in answer.results
        )

    def why(self, reference: str | UUID, query: str | None = None) -> Explanation:
        """Explains a memory; with a query, adds its rank among 200 results and each term's share. Records nothing.

        Raises NotFound as `get` does, and InputError as `search` does.
        """
        with self._connection() as connection:
            explanation = explain(connection, find(connection, reference))
        if query is None:
            return explanation
        return placed_in(explanation, self.search(query, EXPLAINED_RESULTS, record=False), EXPLAINED_RESULTS)

    def quoter(self) -> Quoter:
        """Returns a `Quoter`, which quotes memories in one answer to an assistant."""
        with self._connection() as connection:
            return Quoter(quotation_key(connection))

    def with_citations(self, text: str) -> str:
        """Returns an assistant's text with this store's own quotations replaced by citations."""
        with self._connection() as connection:
            return with_citations(connection, text)[0]

    def cited(self, reference: str | UUID, query_id: UUID | None = None) -> None:
        """Records that an answer relied on a memory. Raises NotFound and InputError as `get` does."""
        with self._connection() as connection:
            memory_id = find(connection, reference)
        self._used("cited", memory_id, query_id)

    def fates(self, memory_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Returns the fate of each memory; omits those that no cycle has covered yet."""
        with self._connection() as connection:
            return fates(connection, memory_ids)

    def places(self, row_ids: Collection[UUID]) -> Mapping[UUID, RowPlace]:
        """Returns each row's place in its document and its cluster; omits missing rows."""
        with self._connection() as connection:
            return places(connection, row_ids)

    def statistics(self) -> Mapping[str, object]:
        """Returns counts of memories and of the last cycle's results."""
        with self._connection() as connection:
            return overview.statistics(connection)

    def context(self, agent: str | None = None) -> overview.Context:
        """Returns working memory and the latest episodes, of one agent ("" for memories that name none) or of all."""
        with self._connection() as connection:
            return overview.context(connection, agent)

    def _missing_model(self) -> list[str]:
        """Finds or starts the model without holding a connection meanwhile; returns what went wrong, if anything."""
        try:
            if isinstance(self._embed, Embedder):
                self._embed.find()
        except ModelError as error:
            return [f"{WITHOUT_MODEL}: {error}."]
        return []

    def _vector(self, query: str) -> tuple[NDArray[numpy.float32] | None, str | None]:
        """Returns the query's vector and None, or None and why there is none."""
        known = self._query_vectors.get(query)
        if known is not None:
            return known, None
        try:
            vector = unit_vector(self._embed, as_query(self._model, query))
        except ModelError as error:
            return None, f"{WITHOUT_MODEL}: {error}."
        with self._opening:
            self._query_vectors[query] = vector
            if len(self._query_vectors) > REMEMBERED_QUERIES:
                self._query_vectors.popitem(last=False)
        return vector, None

    def _opened_lexical(self) -> LexicalIndex:
        with self._opening:
            if self._lexical is None:
                self._lexical = LexicalIndex(self._lexical_folder)
            return self._lexical

    def _answered(self, request: Request, vector_of: VectorOf | None, *, waits: bool) -> Answer:
        """Searches; if it `waits`, the newest memories get their vectors first."""
        with self._connection() as connection:
            if not (waits and self._newcomers.are_waiting(connection)):
                return self._searched(connection, request, vector_of)
        # The thread that computes the vectors needs a connection: this one is given back meanwhile.
        self._newcomers.wait()
        with self._connection() as connection:
            return self._searched(connection, request, vector_of)

    def _searched(self, connection: Connection, request: Request, vector_of: VectorOf | None) -> Answer:
        with beside(self._pool, connection) as second:
            sources = Sources(connection, second, self._opened_lexical(), self._familiarity)
            return search(request, sources, self._model, vector_of)

    def _changed(self, memory_id: UUID) -> None:
        self._newcomers.note(memory_id)
        self._worker.wake()

    def _used(self, kind: Literal["opened", "cited"], memory_id: UUID, query_id: UUID | None) -> None:
        """Records a use of a memory. Raises NotListed when the search `query_id` did not list it."""
        if query_id is not None:
            with self._connection() as connection:
                if not self._events.was_listed(connection, document_rows(connection, memory_id), query_id):
                    raise NotListed(f"no search {query_id} listed this memory: give that of one that did, or none")
        self._record([Recall(memory_id, kind, datetime.now(UTC), query_id)])

    def _record(self, events: Iterable[Recall]) -> None:
        self._events.record(events)
        self._worker.wake()

    def _work(self) -> None:
        """Writes events to Postgres and settles the lexical index, in the background."""
        with self._connection() as connection:
            self._events.flush(connection)
            if self._events.has_events:
                self._worker.wake()
            if self._lexical is not None:
                self._lexical.settle(connection)

    def _has_model(self) -> bool:
        return not isinstance(self._embed, Embedder) or self._embed.is_ready()

    @contextmanager
    def _connection(self, timeout_seconds: float = CONNECT_SECONDS) -> Iterator[Connection]:
        try:
            with self._pool.connection(timeout_seconds) as connection:
                yield connection
        except psycopg.OperationalError as error:
            if error.sqlstate is not None and not error.sqlstate.startswith(CONNECTION_LOST):
                raise StoreError(of_postgres(error)) from error
            raise StoreUnreachable(
                f"Postgres does not answer at {without_password(self._url)}, or not now: see that it runs, and ask "
                f"again ({str(error).strip().splitlines()[0]})"
            ) from error


def _pool(database_url: str) -> "ConnectionPool[Connection]":
    """A pool of autocommit connections, each checked before use, since Postgres may have been restarted."""
    return ConnectionPool(
        database_url,
        kwargs={"autocommit": True, "connect_timeout": 10, "application_name": "dreams"},
        min_size=2,
        max_size=MOST_CONNECTIONS,
        check=ConnectionPool.check_connection,
        configure=candidates.prepare,
        name="dreams",
        open=True,
    )


def _in_zone(filters: Filters) -> Filters:
    return replace(
        filters,
        created_from=filters.created_from and in_utc(filters.created_from),
        created_until=filters.created_until and in_utc(filters.created_until),
    )


def _check_search(query: str, k: int, filters: Filters, without: Collection[Term], tag_weight: float) -> None:
    if not query.strip():
        raise InputError("there is nothing to search for: give some words, or a question")
    check_query(query, filters)
    check_text(query, filters.agent or "", *filters.tags)
    check_metadata(filters.metadata)
    if not 1 <= k <= MOST_RESULTS:
        raise InputError(f"a search gives 1 to {MOST_RESULTS} results, not {k}: give another number")
    if unknown := sorted(set(without) - set(TERMS)):
        raise InputError(f"there is no term {unknown[0]!r}: leave out one of {', '.join(TERMS)}")
    if not 0 <= tag_weight <= 1:
        raise InputError(f"the weight of the tags is a number from 0 to 1, not {tag_weight}: give another")
