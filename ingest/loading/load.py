"""Loads a source's documents, events and versions into Postgres in batches, and counts the outcomes."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

import psycopg

from ingest.loading.citations import record_citations
from ingest.loading.doubted import doubt, forget_doubted, take_doubted
from ingest.loading.quoted_memories import RecalledTexts, cite_marked
from ingest.loading.settling import settle
from ingest.loading.staging import prepare, stage
from ingest.loading.standing import classify, revive
from ingest.loading.versions import record_versions
from ingest.redaction.redact import redact_document, redact_event
from memories.documents.write import ATTEMPTS, BUSY
from memories.errors import StoreError
from memories.postgres.database import Connection
from memories.records import Document, Event, LeftOut, Rejected, Remark, Version

BATCH_RECORDS = 5_000
BATCH_CHARACTERS = 32_000_000
RECALLS = frozenset({"listed", "opened", "cited"})
Loadable = Document | Event | Version
Record = Loadable | Rejected | LeftOut | Remark
logger = logging.getLogger(__name__)

EVENTS = """
insert into dreams.recall_events
    (event_id, memory_id, document_id, kind, grade, query_id, rank, occurred_at, details)
select
    e.event_id, n.memory_id, nullif(e.memory_id, n.memory_id), e.kind, e.grade, e.query_id, e.rank, e.occurred_at,
    e.details
from staged_events as e inner join dreams.memory_names as n on n.id = e.memory_id
on conflict (event_id) do nothing
"""
EVENTS_OF_NOTHING = """
select count(*) from staged_events as e where not exists (select from dreams.memory_names as n where n.id = e.memory_id)
"""
TOLD = {
    "new": "new", "edited": "edited", "unchanged": "unchanged", "met_again": "that say the same as another",
    "forgotten": "forgotten before", "recalled": "that only repeat what was recalled", "events": "events",
    "skipped_before_since": "older than --since", "redacted": "with secrets masked", "rejected": "rejected",
    "remarks": "remarks",
}  # fmt: skip
ABSENT = "events of a memory that is not there"


@dataclass(slots=True)
class Loaded:
    """Counts of a source's records by outcome; `rejected` lists those that could not be read, and why.

    `remarks` are notes for the person; `left_out` counts, by kind, the records that become no memory.
    `met_again` counts documents with the same text as another: they share one memory, and each id finds it.
    `recalled` counts documents that only repeat text recalled from this store: they are not stored again.
    """

    new: int = 0
    edited: int = 0
    unchanged: int = 0
    met_again: int = 0
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
        return self.new + self.edited + self.met_again + self.events

    def add(self, batch: "Loaded") -> None:
        """Adds the counts of a batch."""
        for name in ("new", "edited", "unchanged", "met_again", "forgotten", "events"):
            setattr(self, name, getattr(self, name) + getattr(batch, name))
        self.left_out.update(batch.left_out)

    def as_dict(self) -> dict[str, object]:
        return {
            **asdict(self),
            "rejected": [f"{item.where}: {item.reason}" for item in self.rejected],
            "remarks": [f"{item.where}: {item.sentence}" for item in self.remarks],
            "left_out": dict(self.left_out),
        }

    @property
    def sentence(self) -> str:
        """What happened, in one line, followed by what was left out, by kind."""
        counts = {name: len(value) if isinstance(value, list) else value for name, value in self.as_dict().items()}
        told = [f"{count} {TOLD[name]}" for name, count in counts.items() if name in TOLD and count]
        kinds = [f"{count} {kind}" for kind, count in sorted(self.left_out.items())]
        return (", ".join(told) or "none") + (f"; left out: {', '.join(kinds)}" if kinds else "")


def load(
    connection: Connection,
    records: Iterable[Record],
    *,
    since: datetime | None = None,
    redact: bool = False,
    revive: bool = False,
    dry_run: bool = False,
) -> Loaded:
    """Loads records, a transaction per batch: an interrupted load keeps its finished batches, and the next continues.

    `revive` brings forgotten memories back.
    Memory use does not depend on the size of the source.
    """
    loaded, recalled = Loaded(), RecalledTexts()
    # A dry run sees its own earlier batches, as a real run does, until the end rolls all of them back.
    with connection.transaction(force_rollback=True) if dry_run else nullcontext():
        prepare(connection)
        forget_doubted(connection)
        for batch in _batches(_prepared(connection, records, loaded, since, redact)):
            with connection.transaction():
                sifted = _without_recalled(connection, batch, loaded, recalled)
                loaded.add(_load_batch(connection, sifted, revive, is_last_word=False))
            recalled.is_current = not any(_is_recall(record) for record in batch)
        while doubted := take_doubted(connection, BATCH_RECORDS):
            loaded.add(_load_batch(connection, doubted, revive, is_last_word=True))
    return loaded


def _prepared(
    connection: Connection, records: Iterable[Record], loaded: Loaded, since: datetime | None, redact: bool
) -> Iterator[Loadable]:
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
            masked = _redacted(record)
            loaded.redacted += masked != record
            record = masked
        yield record


def _redacted(record: Loadable) -> Loadable:
    if isinstance(record, Version):
        return replace(record, document=redact_document(record.document))
    return redact_document(record) if isinstance(record, Document) else redact_event(record)


def _time_of(record: Loadable) -> datetime:
    if isinstance(record, Event):
        return record.occurred_at
    if isinstance(record, Version):
        return record.valid_until
    return record.updated_at or record.created_at or datetime.now(UTC)


def _batches(records: Iterator[Loadable]) -> Iterator[list[Loadable]]:
    """Yields batches of limited count and size, each document at most once per batch: an edit goes into the next."""
    batch: list[Loadable] = []
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
    connection: Connection, batch: list[Loadable], loaded: Loaded, recalled: RecalledTexts
) -> list[Loadable]:
    """Replaces recalled texts in the batch with citations, and drops documents that say nothing else."""
    if not recalled.is_current:
        recalled.catch_up(connection)
    sifted = recalled.sift(connection, (record for record in batch if isinstance(record, Document)))
    loaded.recalled += sum(document is None for document in sifted.values())
    if not sifted:
        return batch
    kept = (sifted.get(record.id, record) if isinstance(record, Document) else record for record in batch)
    return [record for record in kept if record is not None]


def _is_recall(record: Loadable) -> bool:
    return isinstance(record, Event) and record.kind in RECALLS


def _load_batch(connection: Connection, batch: Sequence[Loadable], revives: bool, is_last_word: bool) -> Loaded:
    """Writes one batch and returns its counts; tries again when another writer stores one of its texts first.

    Raises StoreError after `ATTEMPTS` tries.
    """
    for _ in range(ATTEMPTS):
        try:
            with connection.transaction():
                return _written(connection, batch, revives, is_last_word)
        except psycopg.errors.UniqueViolation:
            continue
    raise StoreError(BUSY)


def _written(connection: Connection, batch: Sequence[Loadable], revives: bool, is_last_word: bool) -> Loaded:
    documents = [record for record in batch if isinstance(record, Document)]
    stage(connection, documents, [record for record in batch if isinstance(record, Event)])
    if revives:
        revive(connection)
    counts = classify(connection, is_last_word=is_last_word)
    doubt(connection, documents)
    settled = settle(connection)
    record_versions(connection, [record for record in batch if isinstance(record, Version)])
    absent = (
        connection.execute(EVENTS_OF_NOTHING).fetchone() if any(isinstance(each, Event) for each in batch) else None
    )
    return Loaded(
        new=settled.new,
        met_again=settled.met_again,
        edited=settled.edited,
        unchanged=counts.get("unchanged", 0),
        forgotten=counts.get("forgotten", 0),
        events=connection.execute(EVENTS).rowcount + record_citations(connection, documents),
        left_out=Counter({ABSENT: int(str(absent[0]))} if absent and absent[0] else {}),
    )
