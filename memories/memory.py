"""Stores, searches and forgets memories: `Memory` serves Python, the command line, HTTP and MCP alike."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain, repeat
from types import TracebackType
from typing import Literal, Self, Unpack
from uuid import UUID

import psycopg

from memories.documents.edit import MemoryChanges, edit
from memories.documents.memoir import RowPlace, document_rows, memoir, places
from memories.documents.receipt import Forgettable, Receipt, forget_with_receipt, forgettable
from memories.documents.storable import check_metadata, check_text
from memories.documents.write import (
    Stored,
    content_hash,
    find,
    pin,
    put,
)
from memories.embedding.embedder import Embedder
from memories.embedding.vectors import Embed
from memories.errors import InputError, NotListed, StoreUnreachable
from memories.instant import in_utc
from memories.lexical.changes import store_identity
from memories.limits import MOST_RESULTS, check_memory, check_query
from memories.postgres.database import Connection, url
from memories.postgres.migrate import migrate, pending
from memories.postgres.pool import StorePool
from memories.quoting.handed_out import with_citations
from memories.quoting.quotation import Quoter, quotation_key
from memories.recall import candidates
from memories.recall.events import EventWriter, Recall
from memories.recall.question import Request
from memories.recall.searcher import Searcher
from memories.records import TERMS, Answer, Document, Filters, Memoir, MemoryParts, Term
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
EXPLAINED_RESULTS = 200
CLOSE_SECONDS = 10.0
NO_FILTERS = Filters()
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
        self._pool = StorePool(self._url, candidates.prepare)
        with self._pool.connection() as connection:
            name = sha256(store_identity(connection).encode()).hexdigest()[:12]
        home, model = settings().dreams_home, settings().embedding_model
        self._searcher = Searcher(self._pool, home / "lexical" / name, model, Embedder() if embed is None else embed)
        self._events = EventWriter(home / "events" / name)
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
        self._searcher.close()
        if self._events.has_events:
            try:
                with self._pool.connection(CLOSE_SECONDS) as connection:
                    self._events.flush(connection)
            except (psycopg.Error, StoreUnreachable) as error:
                logger.warning("events of recalls will be recorded when the store is opened again: %s", error)
        self._events.close()
        self._pool.close()

    def store(self, content: str, **parts: Unpack[MemoryParts]) -> UUID:
        """Stores one memory as `put` does, and returns its id."""
        return self.put(content, **parts).id

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
        with self._pool.connection() as connection:
            stored = put(connection, document)
        self._changed(stored.id)
        return stored

    def get(self, reference: str | UUID, *, query_id: UUID | None = None, record: bool = True) -> Memoir:
        """Returns the whole document with an id, its own or a chunk's; the first six characters of an id are enough.

        `query_id` is the search that listed it: memories opened from the same search become associated.

        Raises NotFound when there is none, InputError when the reference is not an id or matches several, and NotListed
        when that search did not list it.
        """
        with self._pool.connection() as connection:
            memory_id = find(connection, reference)
            found = memoir(connection, memory_id)
        if record:
            self._used("opened", memory_id, query_id)
        return found

    def opened(self, reference: str | UUID, query_id: UUID | None = None) -> None:
        """Records that a memory was read. Raises NotFound and InputError as `get` does."""
        with self._pool.connection() as connection:
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
        """Changes the given fields of a memory and returns the result; keeps the earlier state as a version.

        Raises NotFound as `get` does, ContentTaken when another memory has exactly this content, and InputError for
        what cannot be kept.
        """
        check_memory(content, context, summary, tags, metadata)
        with self._pool.connection() as connection:
            memory_id = find(connection, reference)
            edited = edit(connection, memory_id, MemoryChanges(content, context, summary, tags, metadata))
        self._changed(edited.id)
        return edited

    def forgettable(self, reference: str | UUID) -> Forgettable:
        """Returns the receipt that `forget` would give now. Raises NotFound as `get` does."""
        with self._pool.connection() as connection:
            return forgettable(connection, find(connection, reference))

    def forget(self, reference: str | UUID) -> Receipt:
        """Deletes a memory, all chunks of its document and every copy; returns what was removed and what remains.

        Raises NotFound as `get` does.
        """
        with self._pool.connection() as connection:
            return forget_with_receipt(connection, find(connection, reference))

    def pin(self, reference: str | UUID, *, pinned: bool = True) -> UUID:
        """Keeps a memory from fading, or lets it fade again, from the next cycle on; returns its id.

        Raises NotFound as `get` does.
        """
        with self._pool.connection() as connection:
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
        request = Request(query, k, filters, as_of, without, tag_weight)
        answer = self._searcher.answer(request, words_only=words_only, is_present=is_present)
        if record and is_present:
            self.listed(answer, asked_at)
        self._worker.wake()
        return answer

    def listed(self, answer: Answer, when: datetime | None = None) -> None:
        """Records that the results of a search were shown; `search` does this unless `record` is False."""
        shown_at = when or datetime.now(UTC)
        self._record(
            Recall(result.passage_id, "listed", shown_at, answer.query_id, result.rank, query)
            for result, query in zip(answer.results, chain([answer.query], repeat(None)), strict=False)
        )

    def why(self, reference: str | UUID, query: str | None = None) -> Explanation:
        """Explains a memory; with a query, adds its rank among 200 results and each term's share. Records nothing.

        Raises NotFound as `get` does, and InputError as `search` does.
        """
        with self._pool.connection() as connection:
            explanation = explain(connection, find(connection, reference))
        if query is None:
            return explanation
        return placed_in(explanation, self.search(query, EXPLAINED_RESULTS, record=False), EXPLAINED_RESULTS)

    def quoter(self) -> Quoter:
        """Returns a `Quoter`, which quotes memories in one answer to an assistant."""
        with self._pool.connection() as connection:
            return Quoter(quotation_key(connection))

    def with_citations(self, text: str) -> str:
        """Returns an assistant's text with this store's own quotations replaced by citations."""
        with self._pool.connection() as connection:
            return with_citations(connection, text)[0]

    def cited(self, reference: str | UUID, query_id: UUID | None = None) -> None:
        """Records that an answer relied on a memory. Raises NotFound and InputError as `get` does."""
        with self._pool.connection() as connection:
            memory_id = find(connection, reference)
        self._used("cited", memory_id, query_id)

    def fates(self, memory_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Returns the fate of each memory; omits those that no cycle has covered yet."""
        with self._pool.connection() as connection:
            return fates(connection, memory_ids)

    def places(self, row_ids: Collection[UUID]) -> Mapping[UUID, RowPlace]:
        """Returns each row's place in its document and its cluster; omits missing rows."""
        with self._pool.connection() as connection:
            return places(connection, row_ids)

    def statistics(self) -> Mapping[str, object]:
        """Returns counts of memories and of the last cycle's results."""
        with self._pool.connection() as connection:
            return overview.statistics(connection)

    def context(self, agent: str | None = None) -> overview.Context:
        """Returns working memory and the latest episodes, of one agent ("" for memories that name none) or of all."""
        with self._pool.connection() as connection:
            return overview.context(connection, agent)

    def connection(self) -> AbstractContextManager[Connection]:
        """A connection to the store, for the queries of `memories.views`."""
        return self._pool.connection()

    def _changed(self, memory_id: UUID) -> None:
        self._searcher.note(memory_id)
        self._worker.wake()

    def _used(self, kind: Literal["opened", "cited"], memory_id: UUID, query_id: UUID | None) -> None:
        """Records a use of a memory. Raises NotListed when the search `query_id` did not list it."""
        if query_id is not None:
            with self._pool.connection() as connection:
                if not self._events.was_listed(connection, document_rows(connection, memory_id), query_id):
                    raise NotListed(f"search {query_id} did not list this memory: give one that did, or none")
        self._record([Recall(memory_id, kind, datetime.now(UTC), query_id)])

    def _record(self, events: Iterable[Recall]) -> None:
        self._events.record(events)
        self._worker.wake()

    def _work(self) -> None:
        """Writes events to Postgres and settles the lexical index, in the background."""
        with self._pool.connection() as connection:
            self._events.flush(connection)
            if self._events.has_events:
                self._worker.wake()
            self._searcher.settle(connection)


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
