"""Lists past cycles, and rolls the store back to one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from psycopg import sql
from psycopg.rows import class_row

from ingest.cycle.record import Cycle, begin, finish
from ingest.cycle.run import cycle_lock
from ingest.publishing.marts import ABOUT_ONE_MEMORY, MARTS, STAGES, Mart
from ingest.publishing.merge import key_object, merge
from ingest.publishing.write_back import forget_gone, label_clusters
from memories.errors import InputError, NotFound
from memories.postgres.database import Connection, url

LEAST_CHARACTERS = 6

PAST = """
select
    cycle_id, state, as_of, started_at, published_at,
    extract(epoch from published_at - started_at)::double precision as seconds, stages,
    coalesce(rows_changed, 0) as rows_changed, row_counts, parameters, code_version, error
from dreams.cycles
"""

# Each row as it was before its first change after that cycle; a row inserted later is absent. A change with the empty
# key stands for all rows that filled an empty table.
STAGE = """
create temporary table {staged} on commit drop as
with earlier as (
    select distinct on (d.row_key) d.row_key, d.before, c.published_at
    from dreams.cycle_changes as d inner join dreams.cycles as c on c.cycle_id = d.cycle_id
    where d.relation = {relation} and c.published_at > {published_at}
    order by d.row_key, c.published_at
),
filled as (
    select published_at from earlier where row_key = '{{}}'
)
select t.* from {target} as t
where not exists (select 1 from filled) and not exists (select 1 from earlier as e where e.row_key = {key})
union all
select r.*
from earlier as e
left join {target} as t on e.row_key = {key}
cross join lateral jsonb_populate_record(t, e.before) as r
where e.before is not null and not exists (select 1 from filled as f where f.published_at <= e.published_at)
"""


@dataclass(frozen=True, slots=True)
class PastCycle:
    """A row of dreams.cycles. `seconds` is how long the cycle took, if it was published."""

    cycle_id: UUID
    state: str
    as_of: datetime
    started_at: datetime
    published_at: datetime | None
    seconds: float | None
    stages: Sequence[str]
    rows_changed: int
    row_counts: Mapping[str, int]
    parameters: Mapping[str, object]
    code_version: str
    error: str | None

    @property
    def stage(self) -> str:
        """The last of its stages."""
        return list(STAGES)[len(self.stages) - 1]

    def line(self, usual: Mapping[str, object]) -> Sequence[object]:
        """The cycle as a row of a table, with the parameters that differ from the usual ones."""
        unusual = [f"{name}={value}" for name, value in self.parameters.items() if usual.get(name) != value]
        return (
            str(self.cycle_id)[:8],
            f"{self.as_of:%Y-%m-%d %H:%M}",
            self.stage,
            self.state,
            self.rows_changed,
            None if self.seconds is None else round(self.seconds, 1),
            " ".join(unusual),
            self.error,
        )


def past_cycles(connection: Connection, limit: int) -> Sequence[PastCycle]:
    """The latest cycles, failed ones included, the newest first."""
    cursor = connection.cursor(row_factory=class_row(PastCycle))
    return cursor.execute(PAST + "order by started_at desc limit %s", (limit,)).fetchall()


def roll_back(reference: str) -> Mapping[str, int]:
    """Publishes again, as a new cycle, what an earlier cycle published; returns the rows changed in each mart.

    Memories and events stay as they are, and what was deleted since stays deleted; the next cycle computes all of
    them as usual. Raises NotFound when the reference matches no published cycle, InputError when it is too short,
    matches several, or the differences since then are no longer kept, and CycleInProgress when a cycle runs.
    """
    with cycle_lock(url(), wait=False) as connection, connection.transaction():
        target = _find(connection, reference)
        cycle = Cycle(uuid4(), target.stage, target.as_of, published=True, row_counts=target.row_counts)
        connection.execute("select dreams.hold_what_was_dreamt()")
        begin(connection, cycle, target.parameters)
        changed = {}
        for name, mart in MARTS.items():
            _stage_earlier(connection, name, mart, target)
            changed[name] = merge(connection, name, mart, cycle.cycle_id)
        cycle.rows_changed = changed
        forget_gone(connection, [sql.Identifier("dreams", name) for name in ABOUT_ONE_MEMORY])
        label_clusters(connection, sql.Identifier("dreams", "memory_states"))
        finish(connection, cycle)
    return changed


def _find(connection: Connection, reference: str) -> PastCycle:
    wanted = reference.strip().lower()
    if len(wanted) < LEAST_CHARACTERS:
        raise InputError(f"{reference!r} is too short: give at least the first six characters of the cycle's id")
    cursor = connection.cursor(row_factory=class_row(PastCycle))
    found = cursor.execute(
        f"{PAST} where state = 'published' and starts_with(cycle_id::text, %s) limit 2", (wanted,)
    ).fetchall()
    if not found:
        raise NotFound(f"{reference!r} names no published cycle: `dreams cycles` lists them")
    if len(found) > 1:
        raise InputError(f"{reference!r} is the beginning of several cycles: give more of it")
    later = connection.execute(
        "select 1 from dreams.cycles where published_at > %s and differences_pruned_at is not null limit 1",
        (found[0].published_at,),
    ).fetchone()
    if later:
        raise InputError(f"what changed since {reference!r} is no longer kept: choose a later cycle")
    return found[0]


def _stage_earlier(connection: Connection, name: str, mart: Mart, target: PastCycle) -> None:
    statement = sql.SQL(STAGE).format(
        staged=sql.Identifier(f"staged_{name}"),
        target=sql.Identifier("dreams", name),
        relation=sql.Literal(name),
        published_at=sql.Literal(target.published_at),
        key=key_object("t", mart.key),
    )
    connection.execute(statement)
    connection.execute(sql.SQL("analyze {}").format(sql.Identifier(f"staged_{name}")))
