"""What a deletion removed, table by table, and what of it remains until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from memories.documents.write import forget
from memories.postgres.database import Connection

MEMORIES = "public.memories"
# What this session has deleted and changed. The server adds up several transactions, so a difference counts.
COUNTS = """
select concat(schemaname, '.', relname), n_tup_del, n_tup_upd from pg_stat_xact_user_tables
where schemaname in ('public', 'dreams')
"""


@dataclass(frozen=True, slots=True)
class Remaining:
    """Where something of a deleted memory still is, and what ends that."""

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
        """Rows of the memory itself: a long one has a row for each chunk."""
        return self.removed[MEMORIES]


UNTIL_CYCLE = Remaining(
    "the history of cycles, the DuckDB cache, the lexical index",
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
    """Deletes a memory as `forget` does, and says what that removed and what remains."""
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


def _counts(connection: Connection) -> Mapping[str, tuple[int, int]]:
    return {str(name): (int(str(gone)), int(str(new))) for name, gone, new in connection.execute(COUNTS)}
