"""Deletes a memory, or shows what that would do: what is removed from each table, and what remains until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from memories.documents.memoir import memoir
from memories.documents.write import forget
from memories.postgres.database import Connection
from memories.records import Memoir

MEMORIES = "public.memories"
# Rows deleted and updated so far. The server may add up several transactions: take the difference of two readings.
COUNTS = """
select
    concat(n.nspname, '.', c.relname), pg_stat_get_xact_tuples_deleted(c.oid), pg_stat_get_xact_tuples_updated(c.oid)
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('public', 'dreams') and c.relkind = 'r'
"""


@dataclass(frozen=True, slots=True)
class Remaining:
    """Where traces of a deleted memory remain, and what removes them."""

    what: str
    until: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The rows that a deletion removed and changed, by table, and what remains."""

    memory_id: UUID
    removed: Mapping[str, int]
    changed: Mapping[str, int]
    remains: Sequence[Remaining]

    @property
    def rows(self) -> int:
        """Rows of the memory itself: one per chunk."""
        return self.removed[MEMORIES]


@dataclass(frozen=True, slots=True)
class Forgettable:
    """A memory, and the receipt that its deletion would have now."""

    memory: Memoir
    receipt: Receipt


UNTIL_CYCLE = Remaining(
    "the history of cycles, the DuckDB cache, the lexical index, kept reports that quote it",
    "the next `dreams run`, the nightly cycle of `dreams schedule`, or `dreams db scrub`",
)
UNTIL_SCRUB = Remaining(
    "old pages of tables and indexes, planner statistics, the write-ahead log, the server's log",
    "`dreams db scrub`, at the latest Sunday's run of `dreams schedule`",
)
FOR_GOOD = (
    Remaining(
        "its id and hashes of its text, which keep its source from bringing it back",
        "it is stored again, or ingested with --revive",
    ),
    Remaining("backups and exports that you made, and the source it was read from", "you delete them"),
)


def forget_with_receipt(connection: Connection, memory_id: UUID) -> Receipt:
    """Deletes a memory as `forget` does; returns what was removed and what remains."""
    with connection.transaction():
        before = _counts(connection)
        rows = forget(connection, memory_id)
        after = _counts(connection)
    removed, changed = (
        {name: counts[place] - before.get(name, (0, 0))[place] for name, counts in sorted(after.items())}
        for place in (0, 1)
    )
    return Receipt(
        memory_id,
        {MEMORIES: rows} | {name: count for name, count in removed.items() if count},
        {name: count for name, count in changed.items() if count},
        (UNTIL_CYCLE, UNTIL_SCRUB, *FOR_GOOD),
    )


def forgettable(connection: Connection, memory_id: UUID) -> Forgettable:
    """Deletes a memory to see what that removes, and rolls it back. Raises NotFound when there is no such row."""
    memory = memoir(connection, memory_id)
    with connection.transaction(force_rollback=True):
        return Forgettable(memory, forget_with_receipt(connection, memory_id))


def _counts(connection: Connection) -> Mapping[str, tuple[int, int]]:
    return {str(name): (int(str(gone)), int(str(new))) for name, gone, new in connection.execute(COUNTS)}
