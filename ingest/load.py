"""Loads what a source yields into Postgres in batches: new, edited, unchanged, known, forgotten, recalled."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from psycopg.types.json import Jsonb

from ingest.citations import record_citations
from ingest.recalled import RecalledTexts, cite_marked
from ingest.redact import redact_document, redact_event
from memories.database import Connection
from memories.records import Document, Event, LeftOut, Rejected, Remark
from memories.write import Row, rows_of

BATCH_RECORDS = 5_000
BATCH_CHARACTERS = 32_000_000
RECALLS = frozenset({"listed", "opened", "cited"})
Record = Document | Event | Rejected | LeftOut | Remark
logger = logging.getLogger(__name__)

STAGING = """
create temporary table if not exists staged_memories (
    id uuid, document_id uuid, content text, content_hash text, context text, summary text, tags text [],
    metadata jsonb, chunk_index integer, total_chunks integer, parent_id uuid, created_at timestamptz,
    updated_at timestamptz, outcome text
);
create temporary table if not exists staged_events (
    event_id uuid, memory_id uuid, kind text, grade smallint, query_id uuid, rank integer, occurred_at timestamptz,
    details jsonb
);
truncate staged_memories, staged_events
"""

REVIVE = """
delete from dreams.tombstones as t using staged_memories as s
where t.content_hash = s.content_hash or t.memory_id = s.document_id
"""

# An earlier version that the source still tells of (a log of edits, say) is not a new edit, unless it is dated later.
CLASSIFY = """
update staged_memories as s set outcome = case
    when exists (
        select 1 from dreams.tombstones as t where t.content_hash = s.content_hash or t.memory_id = s.document_id
    ) then 'forgotten'
    when m.id is null and exists (
        select 1 from public.memories as o where o.content_hash = s.content_hash
    ) then 'known'
    when m.id is null then 'new'
    when m.content_hash = s.content_hash then case
        when m.context = s.context and m.summary = s.summary and m.tags = s.tags
            and m.chunk_index is not distinct from s.chunk_index and m.total_chunks is not distinct from s.total_chunks
            and coalesce(m.metadata, '{}') @> s.metadata
        then 'unchanged'
        when coalesce(s.updated_at, s.created_at) < m.updated_at then 'unchanged'
        else 'edited'
    end
    when (s.updated_at is null or s.updated_at <= m.updated_at) and exists (
        select 1 from dreams.memory_versions as v where v.memory_id = s.id and v.content_hash = s.content_hash
    ) then 'unchanged'
    when exists (select 1 from public.memories as o where o.content_hash = s.content_hash) then 'known'
    else 'edited'
end
from staged_memories as self left join public.memories as m on m.id = self.id
where self.id = s.id
"""

INSERT = """
insert into public.memories (
    id, content, content_hash, context, summary, tags, metadata, chunk_index, total_chunks, parent_id, created_at,
    updated_at
)
select distinct on (content_hash)
    id, content, content_hash, context, summary, tags, metadata, chunk_index, total_chunks, parent_id,
    coalesce(created_at, clock_timestamp()), coalesce(updated_at, created_at, clock_timestamp())
from staged_memories
where outcome = 'new'
on conflict do nothing
"""

EDIT = """
update public.memories as m set
    content = s.content, content_hash = s.content_hash, context = s.context, summary = s.summary, tags = s.tags,
    metadata = s.metadata, chunk_index = s.chunk_index, total_chunks = s.total_chunks, parent_id = s.parent_id,
    -- Metadata alone is no reason to remember: only a change of what a person wrote moves the date.
    updated_at = case
        when (m.content, m.context, m.summary, m.tags) is distinct from (s.content, s.context, s.summary, s.tags)
            then greatest(coalesce(s.updated_at, clock_timestamp()), m.updated_at + interval '1 microsecond')
        else m.updated_at
    end
from staged_memories as s
where s.id = m.id and s.outcome = 'edited'
"""

# Chunks beyond the end of a document that became shorter; their last version is kept.
SHRINK = """
with shrunk as (
    select distinct s.document_id, coalesce(s.total_chunks, 1) as total_chunks
    from staged_memories as s where s.outcome = 'edited'
),
surplus as (
    delete from public.memories as m using shrunk
    where m.parent_id = shrunk.document_id and m.id <> shrunk.document_id
        and coalesce(m.chunk_index, 1) > shrunk.total_chunks
    returning m.*
)
insert into dreams.memory_versions
    (memory_id, version, content, content_hash, context, summary, tags, metadata, valid_until)
select
    s.id, 1 + (select count(*) from dreams.memory_versions as v where v.memory_id = s.id), s.content, s.content_hash,
    s.context, s.summary, s.tags, s.metadata, clock_timestamp()
from surplus as s
"""

EVENTS = """
insert into dreams.recall_events (event_id, memory_id, kind, grade, query_id, rank, occurred_at, details)
select e.event_id, e.memory_id, e.kind, e.grade, e.query_id, e.rank, e.occurred_at, e.details
from staged_events as e
where exists (select 1 from public.memories as m where m.id = e.memory_id)
on conflict (event_id) do nothing
"""


@dataclass(slots=True)
class Loaded:
    """What became of a source's records, in numbers; `rejected` says what could not be read, and why.

    `remarks` are what the person should know besides; `left_out` counts by kind what no memory is made of.

    `recalled` are documents that only repeat what was recalled from this store: they are not stored again.
    """

    new: int = 0
    edited: int = 0
    unchanged: int = 0
    known: int = 0
    forgotten: int = 0
    recalled: int = 0
    events: int = 0
    skipped_before_since: int = 0
    redacted: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def rows_changed(self) -> int:
        return self.new + self.edited + self.events

    def as_dict(self) -> dict[str, object]:
        return {
            **asdict(self),
            "rejected": [f"{item.where}: {item.reason}" for item in self.rejected],
            "remarks": [f"{item.where}: {item.sentence}" for item in self.remarks],
            "left_out": dict(self.left_out),
        }

    @property
    def sentence(self) -> str:
        """The counts in one line, with what was left out by kind."""
        counts = {name: len(value) if isinstance(value, list) else value for name, value in self.as_dict().items()}
        told = [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if isinstance(count, int)]
        kinds = [f"{count} {kind}" for kind, count in sorted(self.left_out.items())]
        return ", ".join(told) + (f"; left out: {', '.join(kinds)}" if kinds else "")


def load(
    connection: Connection,
    records: Iterable[Record],
    *,
    since: datetime | None = None,
    redact: bool = False,
    revive: bool = False,
    dry_run: bool = False,
    on_batch: Callable[[int], None] = lambda _: None,
) -> Loaded:
    """Loads documents and events, a transaction a batch: interrupted, the finished batches stay, the next run goes on.

    `revive` brings forgotten memories back. `on_batch` is told how many records each batch held.
    Memory use does not depend on the size of the source.
    """
    loaded, recalled = Loaded(), RecalledTexts()
    for batch in _batches(_prepared(connection, records, loaded, since, redact)):
        with connection.transaction(force_rollback=dry_run):
            _load_batch(connection, _without_recalled(connection, batch, loaded, recalled), loaded, revive)
        recalled.is_current = not dry_run and not any(_is_recall(record) for record in batch)
        on_batch(len(batch))
    return loaded


def _prepared(
    connection: Connection, records: Iterable[Record], loaded: Loaded, since: datetime | None, redact: bool
) -> Iterator[Document | Event]:
    for record in records:
        if isinstance(record, Rejected):
            loaded.rejected.append(record)
            logger.warning("%s: %s", record.where, record.reason)
            continue
        if isinstance(record, Remark):
            loaded.remarks.append(record)
            logger.warning("%s: %s", record.where, record.sentence)
            continue
        if isinstance(record, LeftOut):
            loaded.left_out[record.kind] += record.count
            continue
        if since is not None and _time_of(record) < since:
            loaded.skipped_before_since += 1
            continue
        if isinstance(record, Document):
            document = cite_marked(connection, record)
            if document is None:
                loaded.recalled += 1
                continue
            record = document
        if redact:
            masked = redact_document(record) if isinstance(record, Document) else redact_event(record)
            loaded.redacted += masked != record
            record = masked
        yield record


def _time_of(record: Document | Event) -> datetime:
    if isinstance(record, Event):
        return record.occurred_at
    return record.updated_at or record.created_at or datetime.now(UTC)


def _batches(records: Iterator[Document | Event]) -> Iterator[list[Document | Event]]:
    """Batches bounded in number and size, in which each document stands once: an edit follows in the next."""
    batch: list[Document | Event] = []
    documents: set[object] = set()
    characters = 0
    for record in records:
        if isinstance(record, Document):
            if record.id in documents or characters + len(record.content) > BATCH_CHARACTERS:
                yield batch
                batch, documents, characters = [], set(), 0
            documents.add(record.id)
            characters += len(record.content)
        batch.append(record)
        if len(batch) == BATCH_RECORDS:
            yield batch
            batch, documents, characters = [], set(), 0
    if batch:
        yield batch


def _without_recalled(
    connection: Connection, batch: list[Document | Event], loaded: Loaded, recalled: RecalledTexts
) -> list[Document | Event]:
    """The batch with citations in place of what it repeats of recalled texts."""
    if not recalled.is_current:
        recalled.catch_up(connection)
    sifted = recalled.sift(connection, (record for record in batch if isinstance(record, Document)))
    loaded.recalled += sum(document is None for document in sifted.values())
    if not sifted:
        return batch
    kept = (sifted.get(record.id, record) if isinstance(record, Document) else record for record in batch)
    return [record for record in kept if record is not None]


def _is_recall(record: Document | Event) -> bool:
    return isinstance(record, Event) and record.kind in RECALLS


def _load_batch(connection: Connection, batch: list[Document | Event], loaded: Loaded, revive: bool) -> None:
    for statement in STAGING.split(";"):
        connection.execute(statement)
    _copy(connection, batch)
    if revive:
        connection.execute(REVIVE)
    connection.execute("analyze staged_memories")
    connection.execute(CLASSIFY)
    counted = connection.execute("select outcome, count(*) from staged_memories group by 1").fetchall()
    outcomes = {str(outcome): int(str(count)) for outcome, count in counted}
    loaded.forgotten += outcomes.get("forgotten", 0)
    loaded.unchanged += outcomes.get("unchanged", 0)
    inserted = connection.execute(INSERT).rowcount
    loaded.new += inserted
    loaded.known += outcomes.get("known", 0) + outcomes.get("new", 0) - inserted
    if outcomes.get("edited"):
        loaded.edited += connection.execute(EDIT).rowcount
        connection.execute("select set_config('dreams.shrinking_document', 'on', true)")
        connection.execute(SHRINK)
        connection.execute("select set_config('dreams.shrinking_document', 'off', true)")
    loaded.events += connection.execute(EVENTS).rowcount
    loaded.events += record_citations(connection, (record for record in batch if isinstance(record, Document)))


def _copy(connection: Connection, batch: list[Document | Event]) -> None:
    cursor = connection.cursor()
    rows = list(_rows(connection, batch))
    with cursor.copy(
        "copy staged_memories (id, document_id, content, content_hash, context, summary, tags, metadata, chunk_index,"
        " total_chunks, parent_id, created_at, updated_at) from stdin"
    ) as copy:
        for row in rows:
            copy.write_row(
                (
                    row.id, row.document_id, row.content, row.content_hash, row.context, row.summary, row.tags,
                    Jsonb(row.metadata), row.chunk_index, row.total_chunks, row.parent_id, row.created_at,
                    row.updated_at,
                )
            )  # fmt: skip
    with cursor.copy(
        "copy staged_events (event_id, memory_id, kind, grade, query_id, rank, occurred_at, details) from stdin"
    ) as copy:
        for event in (record for record in batch if isinstance(record, Event)):
            details = {
                "query": event.query,
                "given_context": event.context,
                "given_tags": list(event.tags or ()) or None,
            }
            kept = {key: value for key, value in details.items() if value is not None}
            copy.write_row(
                (
                    event.id, event.memory_id, event.kind, event.grade, event.query_id, event.rank, event.occurred_at,
                    Jsonb(kept) if kept else None,
                )
            )  # fmt: skip


def _rows(connection: Connection, batch: list[Document | Event]) -> Iterator[Row]:
    """The rows of a batch. A hash is unique in the store: a chunk that another document has too is cut differently."""
    given: set[str] = set()
    for document in (record for record in batch if isinstance(record, Document)):
        taken: frozenset[str] = frozenset()
        rows = rows_of(document)
        while len(rows) > 1 and (others := _of_others(connection, document, rows, given) - taken):
            taken |= others
            rows = rows_of(document, taken)
        if len(rows) > 1:
            given.update(row.content for row in rows)
        yield from rows


def _of_others(connection: Connection, document: Document, rows: Sequence[Row], given: set[str]) -> frozenset[str]:
    """What of these rows another document says, in the store or earlier in the batch."""
    stored = connection.execute(
        "select content from public.memories where content_hash = any(%s)"
        " and coalesce(parent_id, id) is distinct from %s",
        ([row.content_hash for row in rows], document.id),
    ).fetchall()
    return frozenset(str(content) for (content,) in stored) | given.intersection(row.content for row in rows)
