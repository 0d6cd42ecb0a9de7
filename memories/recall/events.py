"""Records recalls: in a spool file before the reply, in dreams.recall_events soon after.

A search answers before Postgres has its events. A process that dies leaves its file, and the next one to open the
store inserts its events. A power cut can lose what the operating system had not written yet: the file is not synced.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Literal
from uuid import UUID, uuid4

from memories.errors import StoreError
from memories.home import make_folder
from memories.limits import RECORDED_QUERY_CHARACTERS
from memories.postgres.database import Connection

INSERT_EVENTS = 5_000
logger = logging.getLogger(__name__)

# Deleting a memory deletes its events, so the insert first locks the memory. It returns each memory that another
# transaction has locked; all events of its search wait for the next try. A deleted memory is not returned: its events
# are dropped, and the other events of its search lose the query's text.
INSERT = """
with given as (
    select * from jsonb_to_recordset(%(events)s) as g (
        event_id uuid, memory_id uuid, kind text, query_id uuid, rank integer, occurred_at timestamptz, details jsonb
    )
),
held as (
    select id from public.memories where id in (select memory_id from given) order by id for key share skip locked
),
waiting as (
    select g.memory_id, g.query_id from given as g inner join public.memories as m on m.id = g.memory_id
    where g.memory_id not in (select id from held)
),
forgotten as (
    select g.query_id from given as g
    where g.query_id is not null and not exists (select from public.memories as m where m.id = g.memory_id)
),
added as (
    insert into dreams.recall_events (event_id, memory_id, kind, query_id, rank, occurred_at, details)
    select
        g.event_id, g.memory_id, g.kind, g.query_id, g.rank, g.occurred_at,
        case when g.query_id in (select query_id from forgotten) then g.details - 'query' else g.details end
    from given as g inner join held on held.id = g.memory_id
    where not exists (select from waiting as w where w.query_id = g.query_id)
    on conflict (event_id) do nothing
)
select distinct memory_id from waiting
"""


WAS_LISTED = """
select 1 from dreams.recall_events where kind = 'listed' and memory_id = any(%s) and query_id = %s limit 1
"""


@dataclass(frozen=True, slots=True)
class Recall:
    """One use of a memory: a search listed it, it was opened, or an answer cited it."""

    memory_id: UUID
    kind: Literal["listed", "opened", "cited"]
    occurred_at: datetime
    query_id: UUID | None = None
    rank: int | None = None
    query: str | None = None
    event_id: UUID = field(default_factory=uuid4)

    def line(self) -> str:
        """The event as a JSON object, keyed by the columns of dreams.recall_events."""
        return json.dumps(
            {
                "event_id": str(self.event_id),
                "memory_id": str(self.memory_id),
                "kind": self.kind,
                "query_id": None if self.query_id is None else str(self.query_id),
                "rank": self.rank,
                "occurred_at": self.occurred_at.isoformat(),
                "details": None if self.query is None else {"query": self.query[:RECORDED_QUERY_CHARACTERS]},
            }
        )


class Spool:
    """A file of events that only this process reads or writes: it holds the file's lock until it is closed."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    @classmethod
    def new(cls, folder: Path) -> "Spool":
        while True:
            path = folder / f"{os.getpid()}-{uuid4().hex[:12]}.jsonl"
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_RDWR, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Before the lock, another process may have taken it for a dead process's file and removed it.
            if os.fstat(descriptor).st_nlink:
                return cls(path, descriptor)
            os.close(descriptor)

    @classmethod
    def left_behind(cls, folder: Path) -> Iterator["Spool"]:
        """Opens the spools of processes that have ended."""
        for path in sorted(folder.glob("*.jsonl")):
            with suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                else:
                    yield cls(path, descriptor)

    def write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self.descriptor, data) :]

    def events(self) -> Iterator[dict[str, object]]:
        """The events in the file; skips a line that a crash cut short, since its search never answered."""
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                logger.warning("%s: a line that was cut short is left out", self.path.name)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class EventWriter:
    """Writes recalls to a file at once, and to Postgres with the next `flush`. Thread-safe.

    `folder` belongs to one store: its events go to no other.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = Lock()
        self._flushing = Lock()
        self._open: Spool | None = None
        make_folder(folder)
        self._closed: list[Spool] = list(Spool.left_behind(folder))

    @property
    def has_events(self) -> bool:
        """Whether there is anything to flush."""
        return self._open is not None or bool(self._closed)

    def record(self, events: Iterable[Recall]) -> None:
        """Appends events to this process's file. Raises StoreError when it cannot be written, as on a full disk."""
        lines = "".join(f"{event.line()}\n" for event in events)
        if not lines:
            return
        try:
            with self._writing:
                self._open = self._open or Spool.new(self._folder)
                self._open.write(lines)
        except OSError as error:
            raise StoreError(
                f"what was recalled cannot be written to {self._folder} ({error.strerror}): make room there"
            ) from error

    def flush(self, connection: Connection) -> None:
        """Inserts the recorded events into Postgres; a file with events that must wait stays for the next flush."""
        with self._flushing:
            with self._writing:
                if self._open is not None:
                    self._closed.append(self._open)
                    self._open = None
            self._closed = [spool for spool in self._closed if not _bring(connection, spool)]

    def was_listed(self, connection: Connection, rows: Sequence[UUID], query_id: UUID) -> bool:
        """Whether a search listed one of a document's rows, by the events in Postgres or still in files."""
        self.flush(connection)
        if connection.execute(WAS_LISTED, (list(rows), query_id)).fetchone():
            return True
        given = {str(row) for row in rows}
        with self._flushing:
            waiting = (event for spool in self._closed for event in spool.events())
            return any(each["query_id"] == str(query_id) and each["memory_id"] in given for each in waiting)

    def close(self) -> None:
        """Closes the files; the next process inserts the events still in them."""
        with self._flushing, self._writing:
            for spool in (*self._closed, *([self._open] if self._open else [])):
                os.close(spool.descriptor)
            self._closed, self._open = [], None


def _bring(connection: Connection, spool: Spool) -> bool:
    """Inserts a spool's events and removes it; keeps it and returns False when another transaction locks a memory."""
    events = list(spool.events())
    if any(insert(connection, batch) for batch in _batches(events)):
        return False
    spool.remove()
    return True


def _batches(events: Sequence[dict[str, object]]) -> Iterator[Sequence[dict[str, object]]]:
    """Splits events into batches, keeping those of one search together."""
    start = 0
    for end in range(1, len(events) + 1):
        is_full = end - start >= INSERT_EVENTS
        if end == len(events) or (is_full and events[end]["query_id"] != events[end - 1]["query_id"]):
            yield events[start:end]
            start = end


def insert(connection: Connection, events: Sequence[dict[str, object]]) -> Sequence[UUID]:
    """Inserts the events of existing memories, each once; returns the memories locked elsewhere, whose events wait."""
    rows = connection.execute(INSERT, {"events": json.dumps(events)}).fetchall()
    return [UUID(str(memory_id)) for (memory_id,) in rows]
