"""Which memories' words changed, as Postgres tells by `dreams.content_changes`. Called by the lexical index.

What a cache has seen is a snapshot of Postgres, not a time: a transaction that commits late is not in it, and is found
the next time, whatever came after it.
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

# `terms.SEPARATOR` keeps the people who take part apart from the words. The title, other names of the memory and the
# day as people write it are among the words.
PEOPLE = (
    "left(concat_ws(' ', metadata ->> 'speaker', metadata ->> 'author', metadata ->> 'people'),"
    f" {INDEXED_PEOPLE_CHARACTERS})"
)
PARTS = ("array_to_string(tags, ' ')", "summary", "context", "metadata ->> 'title'", "metadata ->> 'aliases'")
WORDS = (
    f"concat({PEOPLE}, chr(31), concat_ws(' ', left(content, {INDEXED_CONTENT_CHARACTERS}),"
    f" {', '.join(f'left({part}, {INDEXED_PART_CHARACTERS})' for part in PARTS)},"
    " to_char(created_at at time zone 'UTC', 'FMDD FMMonth YYYY')))"
)

STORE = (
    "concat_ws(' ', (select system_identifier from pg_control_system()),"
    " (select oid from pg_database where datname = current_database())"
)

# The table's own number, too: a table that was dropped and made again tells nothing of what was in the first.
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
    """What an instant sees: transactions before `first`, and those before `end` that were not running then."""

    first: int
    end: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Reads `first:end:running,…`, as Postgres writes it; raises ValueError when it is something else."""
        first, end, running = text.split(":")
        return cls(int(first), int(end), frozenset(int(number) for number in running.split(",") if number))

    def __str__(self) -> str:
        return f"{self.first}:{self.end}:{','.join(map(str, sorted(self.running)))}"

    def sees(self, transaction: int) -> bool:
        return transaction < self.first or (transaction < self.end and transaction not in self.running)

    def before(self, other: "Snapshot") -> bool:
        """Whether this was taken before the other, as far as they tell."""
        return (self.end, -len(self.running)) < (other.end, -len(other.running))


BEGINNING = Snapshot(1, 1, frozenset())


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a snapshot: the transaction by memory; of which store; and what has been seen with it."""

    identity: str
    seen: Snapshot
    changed_in: Mapping[UUID, int]


def store_identity(connection: Connection) -> str:
    """Names this database of this server: the same for every process, another for a copy."""
    row = connection.execute(f"select {STORE})").fetchone()
    return str(row[0] if row else "")


def since(connection: Connection, seen: Snapshot, limit: int) -> Changes:
    """The first `limit` memories whose words changed since a snapshot."""
    rows = connection.execute(SINCE, {"seen": str(seen), "limit": limit}).fetchall()
    changed_in = {_uuid(row[2]): int(str(row[3])) for row in rows if row[2] is not None}
    return Changes(str(rows[0][0]), Snapshot.parse(str(rows[0][1])), changed_in)


def words(connection: Connection, memory_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The words of those of some memories that are there."""
    rows = connection.execute(f"select id, {WORDS} from public.memories where id = any(%s)", (memory_ids,))  # noqa: S608
    return {_uuid(row[0]): str(row[1]) for row in rows}


@contextmanager
def stream(connection: Connection, seen: Snapshot) -> Iterator[tuple[Snapshot, Iterator[Row]]]:
    """What will have been seen, and the words of each memory that changed since a snapshot.

    Rows are read as they are asked for, so that memory use does not depend on their number.
    """
    with connection.transaction():
        row = connection.execute("select pg_current_snapshot()::text").fetchone()
        with connection.cursor(name="lexical", binary=True) as cursor:
            cursor.itersize = STREAMED_ROWS
            cursor.execute(STREAM, {"seen": str(seen)})
            rows = ((_uuid(memory_id), None if text is None else str(text)) for memory_id, text in cursor)
            yield Snapshot.parse(str(row[0] if row else "")), rows


def mend(connection: Connection) -> None:
    """Has every memory in the log of changes, also where triggers were off or a dump was read."""
    connection.execute("select dreams.mend_content_changes()")


def _uuid(value: object) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
