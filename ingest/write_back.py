"""Publishes what a cycle computed: each mart is copied beside its table, then one transaction merges what differs."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import duckdb
from psycopg import sql

from ingest import published
from memories.database import Connection
from memories.errors import InputError

COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Mart:
    """A table of schema dreams: its key, and the columns that name memories.

    `memories` is the array of those that a row `t` tells of, where these columns do not say it: with any of them goes
    the record of what the row held before.
    """

    key: tuple[str, ...]
    memory_columns: tuple[str, ...] = ()
    memories: str | None = None


# Merged after the episodes, they still are those of the episode that was.
MEMBERS = "array(select m.memory_id from dreams.episode_members as m where m.episode_id = t.episode_id)"
MARTS: Mapping[str, Mart] = {
    "attention_slots": Mart(("snapshot_id", "wm_slot"), ("memory_id",)),
    "episodes": Mart(("episode_id",), memories=MEMBERS),
    "episode_members": Mart(("memory_id",), ("memory_id",)),
    "edge_states": Mart(("memory_a", "memory_b", "edge_type"), ("memory_a", "memory_b")),
    "memory_states": Mart(("memory_id",), ("memory_id",)),
    "semantic_network": Mart(("concept_a", "concept_b", "association_type")),
    "communities": Mart(("community_id",)),
    "memory_insights": Mart(("insight_id",), memories="t.related_memories"),
}
# Marts that are recorded once and never merged: nights replayed, and what was learnt.
RECORDS = ("replays", "learned_vectors")

RECORD_REPLAYS = """
insert into dreams.recall_events (event_id, memory_id, kind, occurred_at, rank, details)
select
    md5('rehearsed ' || r.agent || ' ' || r.night || ' ' || r.memory_id)::uuid, r.memory_id, 'rehearsed',
    r.occurred_at, r.replay_rank, jsonb_build_object('gain', r.gain, 'need', r.need)
from staged_replays as r
where
    exists (select 1 from public.memories as m where m.id = r.memory_id)
    and not exists (select 1 from dreams.nights as n where n.agent = r.agent and n.night = r.night)
on conflict (event_id) do nothing
"""

RECORD_NIGHTS = """
insert into dreams.nights (agent, night, replayed_count, cycle_id)
select agent, night, count(*), %s from staged_replays group by agent, night
on conflict (agent, night) do nothing
"""

RECORD_LEARNED = """
insert into dreams.learned_vectors (name, version, position, embedding_model, vector, trained_on)
select name, version, position, embedding_model, vector, trained_on from staged_learned_vectors
on conflict (name, version, position) do nothing
"""

# Memories deleted while their cycle was computed: all that is told of them goes as it does with any deletion.
FORGET_GONE = """
select dreams.forget_copies(g.gone, '{}') from (
    select array_agg(distinct d.memory_id) as gone from (
        select memory_id from dreams.attention_slots
        union all select memory_id from dreams.episode_members
        union all select memory_id from dreams.memory_states
    ) as d
    where not exists (select from public.memories as m where m.id = d.memory_id)
) as g
where g.gone is not null
"""

# A small number for each cluster that stays the same as long as the cluster does.
# Rows that another transaction holds wait for the next cycle: it may be waiting for this one to publish.
LABEL_CLUSTERS = """
with labels as (
    select memory_id, ('x' || substr(md5(cluster_id), 1, 7))::bit(28)::integer as label from dreams.memory_states
),
held as (
    select m.id, l.label from public.memories as m inner join labels as l on l.memory_id = m.id
    where m.semantic_cluster is distinct from l.label
    for no key update of m skip locked
)
update public.memories as m set semantic_cluster = h.label from held as h where h.id = m.id
"""


def publish(connection: Connection, cache: Path, cycle_id: UUID, names: Sequence[str]) -> Mapping[str, int]:
    """Merges the named marts of a DuckDB file into schema dreams; returns the rows changed in each.

    Everything happens in the caller's transaction: a reader sees the cycle before it or the whole of this one.
    """
    changed: dict[str, int] = {}
    connection.execute("select dreams.hold_what_was_dreamt()")
    with duckdb.connect(str(cache), read_only=True) as source, tempfile.TemporaryDirectory() as folder:
        for name in names:
            if name in MARTS:
                changed[name] = _publish_mart(connection, source, name, cycle_id, Path(folder))
            else:
                _stage(connection, source, name, Path(folder))
    connection.execute(FORGET_GONE)
    if "memory_states" in names:
        connection.execute(LABEL_CLUSTERS)
    if "replays" in names:
        changed["replays"] = connection.execute(RECORD_REPLAYS).rowcount
        connection.execute(RECORD_NIGHTS, (cycle_id,))
    if "learned_vectors" in names:
        changed["learned_vectors"] = connection.execute(RECORD_LEARNED).rowcount
    return changed


def row_counts(cache: Path, names: Sequence[str]) -> Mapping[str, int]:
    """Rows of each mart in the DuckDB file."""
    with duckdb.connect(str(cache), read_only=True) as source:
        return {name: source.table(name).count("*").fetchall()[0][0] for name in names}


def computed_for(cache: Path) -> tuple[datetime, Mapping[str, object]]:
    """The instant and the parameters that a DuckDB file was computed with.

    Raises InputError when there is no such file, or nothing whole in it.
    """
    if not cache.exists():
        raise InputError(f"there is nothing to publish at {cache}: run dbt first, or `dreams run`")
    with duckdb.connect(str(cache), read_only=True) as source:
        try:
            as_of, variables = source.sql("select epoch_us(as_of), parameters from dream").fetchall()[0]
        except duckdb.CatalogException as error:
            raise InputError(f"no run was finished in {cache}: run dbt first, or `dreams run`") from error
    return datetime.fromtimestamp(as_of / 1_000_000, UTC), json.loads(variables)


def _publish_mart(
    connection: Connection, source: duckdb.DuckDBPyConnection, name: str, cycle_id: UUID, folder: Path
) -> int:
    """Fills a table that is empty; else what differs is merged, where it is known, or the whole mart is compared."""
    mart = MARTS[name]
    if _is_empty(connection, name):
        # In the order of its key, so that the index of it is written from one end to the other.
        rows = f"(from {name} order by {', '.join(mart.key)})"
        filled = _copy(connection, source, rows, _columns(source, name), sql.Identifier("dreams", name), folder)
        _record_fill(connection, name, cycle_id, filled)
        return filled
    differs = published.is_known(connection, source, name)
    if differs:
        _stage(connection, source, name, folder, f"(from {name} except from published.{name})")
        _stage_gone(connection, source, name, folder)
    else:
        _stage(connection, source, name, folder)
    return merge(connection, name, mart, cycle_id, by_differences=differs)


def _is_empty(connection: Connection, name: str) -> bool:
    return connection.execute(f"select 1 from dreams.{name} limit 1".encode()).fetchone() is None  # noqa: S608 - a name of our own


def _record_fill(connection: Connection, name: str, cycle_id: UUID, filled: int) -> None:
    """One record for all: of what was empty, nothing else need be known to go back."""
    if filled:
        connection.execute(
            "insert into dreams.cycle_changes (cycle_id, relation, operation, row_key, before, memory_ids)"
            " values (%s, %s, 'insert', '{}', null, '{}')",
            (cycle_id, name),
        )


def _columns(source: duckdb.DuckDBPyConnection, name: str) -> Sequence[tuple[str, str]]:
    """Name and type of each."""
    return [(str(row[0]), str(row[1])) for row in source.sql(f'describe "{name}"').fetchall()]


def _stage(
    connection: Connection, source: duckdb.DuckDBPyConnection, name: str, folder: Path, rows: str | None = None
) -> None:
    """Copies a mart, or some rows of it, into a temporary table."""
    _copy_beside(connection, source, name, f"staged_{name}", _columns(source, name), rows or f'"{name}"', folder)


def _stage_gone(connection: Connection, source: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
    """Copies the keys of a mart that were published and are no more."""
    key = MARTS[name].key
    columns = [(column, kind) for column, kind in _columns(source, name) if column in key]
    rows = f"(from published.{name} anti join {name} using ({', '.join(key)}))"
    _copy_beside(connection, source, name, f"gone_{name}", columns, rows, folder)


def _copy_beside(
    connection: Connection,
    source: duckdb.DuckDBPyConnection,
    name: str,
    into: str,
    columns: Sequence[tuple[str, str]],
    rows: str,
    folder: Path,
) -> None:
    """Copies rows into a new temporary table with the types that a mart's own has."""
    staged = sql.Identifier(into)
    connection.execute(
        sql.SQL("create temporary table {} ({}) on commit drop").format(
            staged, sql.SQL(", ").join(_postgres_column(connection, name, column, kind) for column, kind in columns)
        )
    )
    _copy(connection, source, rows, columns, staged, folder)
    connection.execute(sql.SQL("analyze {}").format(staged))


def _copy(
    connection: Connection,
    source: duckdb.DuckDBPyConnection,
    rows: str,
    columns: Sequence[tuple[str, str]],
    into: sql.Identifier,
    folder: Path,
) -> int:
    """Copies rows of DuckDB into a table, as text both sides write; returns how many. No Python object is made."""
    file = folder / "rows.csv"
    selected = ", ".join(_as_text(column, kind) for column, kind in columns)
    source.execute("set TimeZone = 'UTC'")
    source.execute(f"copy (select {selected} from {rows}) to '{file}' (format csv, header false, nullstr '\\N')")  # noqa: S608 - names of our own
    names = sql.SQL(", ").join(sql.Identifier(column) for column, _ in columns)
    cursor = connection.cursor()
    with (
        cursor.copy(sql.SQL("copy {} ({}) from stdin (format csv, null '\\N')").format(into, names)) as copy,
        file.open("rb") as data,
    ):
        while block := data.read(COPY_BYTES):
            copy.write(block)
    file.unlink()
    return cursor.rowcount


def _postgres_column(connection: Connection, name: str, column: str, kind: str) -> sql.Composable:
    """The type the table gives a column; marts that are only recorded have simple types of their own."""
    row = connection.execute(
        "select format_type(a.atttypid, a.atttypmod) from pg_attribute as a"
        " where a.attrelid = to_regclass(%s) and a.attname = %s",
        (f"dreams.{name}", column),
    ).fetchone()
    declared = str(row[0]) if row else {"VARCHAR": "text", "DOUBLE": "double precision"}.get(kind, kind.lower())
    return sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(declared))


def _as_text(column: str, kind: str) -> str:
    """A column as CSV that Postgres reads: a list becomes its array literal."""
    if not kind.endswith("[]"):
        return f'"{column}"'
    element = "'\"' || replace(replace(e::varchar, '\\', '\\\\'), '\"', '\\\"') || '\"'"
    return f"'{{' || array_to_string(list_transform(\"{column}\", lambda e: {element}), ',') || '}}' as \"{column}\""


def merge(connection: Connection, name: str, mart: Mart, cycle_id: UUID, *, by_differences: bool = False) -> int:
    """Deletes, updates and inserts what differs, and records each difference with what stood there before.

    What is staged is the whole mart, or what differs of it, with the keys that are gone in a table of their own. Where
    nothing stood at all, that is the one record: an insertion with the empty key.
    """
    parts = _parts(connection, name, mart, cycle_id)
    record = (
        "insert into dreams.cycle_changes (cycle_id, relation, operation, row_key, before, memory_ids)"
        " select {cycle}, {relation}, "
    )
    insert = "insert into {target} ({columns}) select {columns} from {staged} as s"
    if _is_empty(connection, name):
        filled = connection.execute(sql.SQL(insert).format(**parts)).rowcount
        _record_fill(connection, name, cycle_id, filled)
        return filled
    if by_differences:
        gone = "exists (select 1 from {gone} as s where {same_key})"
    else:
        gone = "not exists (select 1 from {staged} as s where {same_key})"
    differs = "{same_key} and ({old}) is distinct from ({new})"
    fresh = "not exists (select 1 from {target} as t where {same_key})"
    changed = 0
    for template in (
        f"{record} 'delete', {{key}}, to_jsonb(t), {{memories}} from {{target}} as t where {gone}",
        f"delete from {{target}} as t where {gone}",  # noqa: S608 - psycopg composes the names
        f"{record} 'update', {{key}}, to_jsonb(t), {{memories}} from {{target}} as t, {{staged}} as s where {differs}",
        f"update {{target}} as t set {{set}} from {{staged}} as s where {differs}",  # noqa: S608
        f"{record} 'insert', {{staged_key}}, null, '{{{{}}}}' from {{staged}} as s where {fresh}",
        f"{insert} where {fresh}",
    ):
        count = connection.execute(sql.SQL(template).format(**parts)).rowcount
        changed += 0 if template.startswith(record) else count
    return changed


def _parts(connection: Connection, name: str, mart: Mart, cycle_id: UUID) -> Mapping[str, sql.Composable]:
    """What the statements of a merge are made of: t is the table, s what is staged."""
    columns = [str(row[0]) for row in connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"
        " order by attnum", (f"dreams.{name}",)
    )]  # fmt: skip
    rest = [column for column in columns if column not in mart.key]
    return {
        "target": sql.Identifier("dreams", name),
        "staged": sql.Identifier(f"staged_{name}"),
        "gone": sql.Identifier(f"gone_{name}"),
        "same_key": sql.SQL(" and ").join(sql.SQL("s.{0} = t.{0}").format(sql.Identifier(k)) for k in mart.key),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "old": sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(c)) for c in rest),
        "new": sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(c)) for c in rest),
        "set": sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(c)) for c in rest),
        "key": key_object("t", mart.key),
        "staged_key": key_object("s", mart.key),
        "memories": _memories_of(mart),
        "relation": sql.Literal(name),
        "cycle": sql.Literal(cycle_id),
    }


def key_object(alias: str, key: Sequence[str]) -> sql.Composable:
    pairs = [sql.SQL("{}, {}").format(sql.Literal(column), sql.Identifier(alias, column)) for column in key]
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def _memories_of(mart: Mart) -> sql.Composable:
    if mart.memories is not None:
        return sql.SQL(mart.memories)
    return sql.SQL("array[{}]::uuid[]").format(
        sql.SQL(", ").join(sql.Identifier("t", column) for column in mart.memory_columns)
    )
