"""Publishes what a cycle computed: marts are copied into Postgres, and what differs is merged in one transaction."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import duckdb
from psycopg import sql

from ingest import published
from ingest.dbt import install_extension
from ingest.transfer import Transfer, columns_of, copy, written_out
from memories.database import Connection
from memories.errors import InputError


@dataclass(frozen=True, slots=True)
class Mart:
    """A table of schema dreams: its key, the columns that name memories, and the instant by which its rows lie in time.

    `memories` is the array of those that a row `t` tells of, where these columns do not say it: with any of them goes
    the record of what the row held before.
    """

    key: tuple[str, ...]
    at: str | None
    memory_columns: tuple[str, ...] = ()
    memories: str | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """The rows changed in each mart, and the marts of which something waits for the next cycle, which compares all."""

    rows_changed: Mapping[str, int]
    waiting: Collection[str]


# Merged after the episodes, they still are those of the episode that was.
MEMBERS = "array(select m.memory_id from dreams.episode_members as m where m.episode_id = t.episode_id)"
MARTS: Mapping[str, Mart] = {
    "attention_slots": Mart(("snapshot_id", "wm_slot"), "window_start", ("memory_id",)),
    "episodes": Mart(("episode_id",), "started_at", memories=MEMBERS),
    "episode_members": Mart(("memory_id",), "occurred_at", ("memory_id",)),
    "semantic_network": Mart(("agent", "concept_a", "concept_b", "association_type"), "last_activation"),
    "edge_states": Mart(("memory_a", "memory_b", "edge_type"), "first_at", ("memory_a", "memory_b")),
    "memory_states": Mart(("memory_id",), "created_at", ("memory_id",)),
    "communities": Mart(("community_id",), None),
    "memory_insights": Mart(("insight_id",), "discovered_at", memories="t.related_memories"),
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
insert into dreams.learned_vectors (agent, name, version, position, embedding_model, vector, trained_on)
select agent, name, version, position, embedding_model, vector, trained_on from staged_learned_vectors
on conflict (agent, name, version, position) do nothing
"""

# Memories can be deleted while their cycle is computed. What these marts told of them before went with them.
TELLING = ("attention_slots", "episode_members", "memory_states")
FORGET_GONE = """
select dreams.forget_copies(g.gone, '{{}}') from (
    select array_agg(distinct d.memory_id) as gone from ({told}) as d
    where not exists (select from public.memories as m where m.id = d.memory_id)
) as g
where g.gone is not null
"""

# A small number for each cluster, which stays the same as long as that does, for the memories whose states are told,
# page by page of their table, so that each is written and logged once. (Joins in parts, for want of memory, scatter
# them.) Rows that another transaction holds are left as they are: it may be waiting for this one to publish. Tells how
# many.
MEMORY_FOR_LABELS = "set local work_mem = '64MB'"
LABEL_CLUSTERS = """
with labels as (
    select memory_id, ('x' || substr(md5(cluster_id), 1, 7))::bit(28)::integer as label from {told}
),
differing as materialized (
    select m.ctid as place, l.label from public.memories as m inner join labels as l on l.memory_id = m.id
    where m.semantic_cluster is distinct from l.label order by m.ctid
),
held as (
    select m.ctid as place, d.label from public.memories as m inner join differing as d on d.place = m.ctid
    for no key update of m skip locked
),
labelled as (
    update public.memories as m set semantic_cluster = h.label from held as h where h.place = m.ctid returning m.id
)
select (select count(*) from differing) - (select count(*) from labelled)
"""


def publish(connection: Connection, cache: Path, cycle_id: UUID, names: Sequence[str]) -> Publication:
    """Merges the named marts of a DuckDB file into schema dreams.

    Everything happens in the caller's transaction: a reader sees the cycle before it or the whole of this one.
    """
    changed: dict[str, int] = {}
    connection.execute("select dreams.hold_what_was_dreamt()")
    with duckdb.connect(str(cache), read_only=True) as source:
        source.execute("set extension_directory = ?", [str(install_extension())])
        source.load_extension("postgres_scanner")
        transfers = {name: _transfers(connection, source, name) for name in names}
        with written_out(source, [transfer for those in transfers.values() for transfer in those]) as files:
            for name, those in transfers.items():
                counts = [copy(connection, transfer, next(files)) for transfer in those]
                if name in MARTS:
                    changed[name] = _publish_mart(connection, name, those, counts, cycle_id)
    connection.execute("select dreams.index_marts()")
    forget_gone(connection, [transfers[name][0].target for name in names if name in TELLING])
    waiting = []
    if "memory_states" in names and label_clusters(connection, transfers["memory_states"][0].target):
        waiting = ["memory_states"]
    if "replays" in names:
        changed["replays"] = connection.execute(RECORD_REPLAYS).rowcount
        connection.execute(RECORD_NIGHTS, (cycle_id,))
    if "learned_vectors" in names:
        changed["learned_vectors"] = connection.execute(RECORD_LEARNED).rowcount
    return Publication(changed, waiting)


def forget_gone(connection: Connection, tables: Sequence[sql.Identifier]) -> None:
    """Of memories of these tables that were deleted, all that is told goes, as it does with any deletion."""
    told = sql.SQL(" union all ").join(sql.SQL("select memory_id from {}").format(table) for table in tables)
    connection.execute(sql.SQL(FORGET_GONE).format(told=told))


def label_clusters(connection: Connection, told: sql.Identifier) -> bool:
    """Gives memories the label of the cluster that this table of states tells; returns whether any has to wait."""
    connection.execute(MEMORY_FOR_LABELS)
    return connection.execute(sql.SQL(LABEL_CLUSTERS).format(told=told)).fetchone() != (0,)


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


def _transfers(connection: Connection, source: duckdb.DuckDBPyConnection, name: str) -> Sequence[Transfer]:
    """What has to be copied of a mart: all of it into a table that is empty; else what differs, where it is known, with
    the keys that are gone; or the whole mart beside its table, to be compared.
    """
    columns, staged = columns_of(source, name), f"staged_{name}"
    if name not in MARTS:
        return [Transfer(name, f'"{name}"', columns, staged)]
    key = MARTS[name].key
    if _is_empty(connection, name):
        # In the order of its key, so that the index of it is written from one end to the other.
        return [Transfer(name, f"(from {name} order by {', '.join(key)})", columns)]
    if not published.is_known(connection, source, name):
        return [Transfer(name, f'"{name}"', columns, staged)]
    differing, gone = published.differences(source, name, key, MARTS[name].at)
    return [
        Transfer(name, differing, columns, staged),
        Transfer(name, gone, [column for column in columns if column[0] in key], f"gone_{name}"),
    ]


def _publish_mart(
    connection: Connection, name: str, transfers: Sequence[Transfer], counts: Sequence[int], cycle_id: UUID
) -> int:
    if transfers[0].beside is None:
        _record_fill(connection, name, cycle_id, counts[0])
        return counts[0]
    return merge(connection, name, MARTS[name], cycle_id, by_differences=len(transfers) > 1)


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
        " and attgenerated = '' order by attnum", (f"dreams.{name}",)
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
