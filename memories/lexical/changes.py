"""Reads from `dreams.content_changes` which memories' words changed.

A cache remembers what it has seen as a Postgres snapshot, not a time: a transaction that commits late is not in the
snapshot, so the next read finds it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from memories.limits import INDEXED_CONTENT_CHARACTERS, INDEXED_PART_CHARACTERS, INDEXED_PEOPLE_CHARACTERS
from memories.postgres.database import Connection

STREAMED_ROWS = 500
Row = tuple[UUID, str | None]
"""A memory and its words; None when it is no longer there."""

# `terms.SEPARATOR` separates the people from the words, and these from the date, which is written in English. The title
# and the aliases are among the words.
PEOPLE = (
    "left(concat_ws(' ', metadata ->> 'speaker', metadata ->> 'author', metadata ->> 'people'),"
    f" {INDEXED_PEOPLE_CHARACTERS})"
)
PARTS = ("array_to_string(tags, ' ')", "summary", "context", "metadata ->> 'title'", "metadata ->> 'aliases'")
WORDS = (
    f"concat({PEOPLE}, chr(31), concat_ws(' ', left(content, {INDEXED_CONTENT_CHARACTERS}),"
    f" {', '.join(f'left({part}, {INDEXED_PART_CHARACTERS})' for part in PARTS)}),"
    " chr(31), to_char(created_at at time zone 'UTC', 'FMDD FMMonth YYYY'))"
)

STORE = (
    "concat_ws(' ', (select system_identifier from pg_control_system()),"
    " (select oid from pg_database where datname = current_database())"
)

# Includes the oids of the tables: a table that was dropped and created again does not continue the first.
SINCE = f"""
select store.identity, store.snapshot, changes.memory_id, changes.changed_in
from (
    select
        {STORE}, to_regclass('public.memories')::oid, to_regclass('dreams.content_changes')::oid) as identity,
        pg_current_snapshot()::text as snapshot
) as store
left join lateral (
    select memory_id, changed_in::text from dreams.content_changes
    where changed_in >= pg_snapshot_xmin(%(seen)s::pg_snapshot)
        and not pg_visible_in_snapshot(changed_in, %(seen)s::pg_snapshot)
    limit %(limit)s
) as changes on true
"""  # noqa: S608

STREAM = f"""
select changes.memory_id, case when memories.id is not null then {WORDS} end
from dreams.content_changes as changes left join public.memories on memories.id = changes.memory_id
where changes.changed_in >= pg_snapshot_xmin(%(seen)s::pg_snapshot)
    and not pg_visible_in_snapshot(changes.changed_in, %(seen)s::pg_snapshot)
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A Postgres snapshot: it sees transactions before `first`, and those before `end` that were not running."""

    first: int
    end: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Reads `first:end:running,…`, as Postgres writes it. Raises ValueError when it is something else."""
        first, end, running = text.split(":")
        return cls(int(first), int(end), frozenset(int(number) for number in running.split(",") if number))

    def __str__(self) -> str:
        return f"{self.first}:{self.end}:{','.join(map(str, sorted(self.running)))}"

    def sees(self, transaction: int) -> bool:
        return transaction < self.first or (transaction < self.end and transaction not in self.running)

    def before(self, other: "Snapshot") -> bool:
        """Whether this snapshot is older than the other, as far as they show."""
        return (self.end, -len(self.running)) < (other.end, -len(other.running))


BEGINNING = Snapshot(1, 1, frozenset())


@dataclass(frozen=True, slots=True)
class WordChanges:
    """What changed since a snapshot: the store, the new snapshot, and the transaction of each changed memory."""

    identity: str
    seen: Snapshot
    changed_in: Mapping[UUID, int]


def store_identity(connection: Connection) -> str:
    """Identifies this database of this server: the same for every process, different for a restored copy."""
    row = connection.execute(f"select {STORE})").fetchone()
    return str(row[0] if row else "")


def since(connection: Connection, seen: Snapshot, limit: int) -> WordChanges:
    """At most `limit` memories whose words changed since a snapshot."""
    rows = connection.execute(SINCE, {"seen": str(seen), "limit": limit}).fetchall()
    changed_in = {_uuid(row[2]): int(str(row[3])) for row in rows if row[2] is not None}
    return WordChanges(str(rows[0][0]), Snapshot.parse(str(rows[0][1])), changed_in)


def words(connection: Connection, memory_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The words of memories by id; omits missing memories."""
    rows = connection.execute(f"select id, {WORDS} from public.memories where id = any(%s)", (memory_ids,))  # noqa: S608
    return {_uuid(row[0]): str(row[1]) for row in rows}


@contextmanager
def stream(connection: Connection, seen: Snapshot) -> Iterator[tuple[Snapshot, Iterator[Row]]]:
    """Yields the new snapshot, and the words of each memory that changed since the old one.

    Rows are streamed, so that memory use does not depend on their number.
    """
    with connection.transaction():
        row = connection.execute("select pg_current_snapshot()::text").fetchone()
        with connection.cursor(name="lexical", binary=True) as cursor:
            cursor.itersize = STREAMED_ROWS
            cursor.execute(STREAM, {"seen": str(seen)})
            rows = ((_uuid(memory_id), None if text is None else str(text)) for memory_id, text in cursor)
            yield Snapshot.parse(str(row[0] if row else "")), rows


def mend(connection: Connection) -> None:
    """Completes the log of changes where triggers were off or a dump was loaded."""
    connection.execute("select dreams.mend_content_changes()")


def _uuid(value: object) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
