"""Recalls on their way to Postgres: in a file before the reply, in dreams.recall_events soon after. Called by `Memory`.

A search answers before Postgres has its event. A process that dies leaves its file, and the next one to open the
store brings what is in it. A power cut can lose what the operating system had not written yet: the file is not synced.
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
from memories.postgres.database import Connection

LONGEST_QUERY_CHARACTERS = 2_000
INSERT_EVENTS = 5_000
logger = logging.getLogger(__name__)

# A memory that is being deleted takes its events along: whoever adds one holds the memory. One that another
# transaction holds is returned, to be tried again with its search; one that is gone is not, and takes the words of its
# search along.
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
    """A memory that was listed by a search, opened, or cited in an answer."""

    memory_id: UUID
    kind: Literal["listed", "opened", "cited"]
    occurred_at: datetime
    query_id: UUID | None = None
    rank: int | None = None
    query: str | None = None
    event_id: UUID = field(default_factory=uuid4)

    def line(self) -> str:
        """As JSON, by the columns of dreams.recall_events."""
        return json.dumps(
            {
                "event_id": str(self.event_id),
                "memory_id": str(self.memory_id),
                "kind": self.kind,
                "query_id": None if self.query_id is None else str(self.query_id),
                "rank": self.rank,
                "occurred_at": self.occurred_at.isoformat(),
                "details": None if self.query is None else {"query": self.query[:LONGEST_QUERY_CHARACTERS]},
            }
        )


class Spool:
    """A file of events that this process alone writes or reads: it holds the file's lock until it is closed."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    @classmethod
    def new(cls, folder: Path) -> "Spool":
        while True:
            path = folder / f"{os.getpid()}-{uuid4().hex[:12]}.jsonl"
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_RDWR, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Between these two lines another process may have taken it for that of a dead one, and removed it.
            if os.fstat(descriptor).st_nlink:
                return cls(path, descriptor)
            os.close(descriptor)

    @classmethod
    def left_behind(cls, folder: Path) -> Iterator["Spool"]:
        """Spools of processes that are no more."""
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
        """What was written; a line that a crash cut short belongs to a search that never answered."""
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                logger.warning("%s: a line that was cut short is left out", self.path.name)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class EventWriter:
    """Keeps recalls in a file at once, and in Postgres with the next `flush`. Any thread may call it.

    `folder` belongs to one store: what lies there goes to no other.
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
        """Writes events to this process's file, in one piece. Raises StoreError when the disk takes no more."""
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
        """Brings to Postgres what was recorded before; what cannot be brought yet stays for the next time."""
        with self._flushing:
            with self._writing:
                if self._open is not None:
                    self._closed.append(self._open)
                    self._open = None
            self._closed = [spool for spool in self._closed if not _bring(connection, spool)]

    def was_listed(self, connection: Connection, rows: Sequence[UUID], query_id: UUID) -> bool:
        """Whether a search listed one of a document's rows, as Postgres knows or will know soon."""
        self.flush(connection)
        if connection.execute(WAS_LISTED, (list(rows), query_id)).fetchone():
            return True
        given = {str(row) for row in rows}
        with self._flushing:
            waiting = (event for spool in self._closed for event in spool.events())
            return any(each["query_id"] == str(query_id) and each["memory_id"] in given for each in waiting)

    def close(self) -> None:
        """Lets go of the files; what is in them still is brought by the next process."""
        with self._flushing, self._writing:
            for spool in (*self._closed, *([self._open] if self._open else [])):
                os.close(spool.descriptor)
            self._closed, self._open = [], None


def _bring(connection: Connection, spool: Spool) -> bool:
    """Inserts a spool's events and removes it; False when one of its memories is being changed just now."""
    events = list(spool.events())
    if any(insert(connection, batch) for batch in _batches(events)):
        return False
    spool.remove()
    return True


def _batches(events: Sequence[dict[str, object]]) -> Iterator[Sequence[dict[str, object]]]:
    """Parts of the events, with those of one search together."""
    start = 0
    for end in range(1, len(events) + 1):
        is_full = end - start >= INSERT_EVENTS
        if end == len(events) or (is_full and events[end]["query_id"] != events[end - 1]["query_id"]):
            yield events[start:end]
            start = end


def insert(connection: Connection, events: Sequence[dict[str, object]]) -> Sequence[UUID]:
    """Adds events of memories that exist, each once; returns memories that are being changed, whose events wait."""
    rows = connection.execute(INSERT, {"events": json.dumps(events)}).fetchall()
    return [UUID(str(memory_id)) for (memory_id,) in rows]
