"""Publishes what a cycle computed: copies its marts into Postgres and merges the differences, in one transaction."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import duckdb
from psycopg import sql

from ingest.dbt.cache import install_extension
from ingest.publishing import published
from ingest.publishing.marts import ABOUT_ONE_MEMORY, MARTS
from ingest.publishing.merge import is_empty, merge, record_fill
from ingest.publishing.transfer import (
    Transfer,
    columns_of,
    copy,
    written_out,
)
from memories.errors import InputError
from memories.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class Publication:
    """The rows changed in each mart, and the marts with changes left to the next cycle, which compares them whole."""

    rows_changed: Mapping[str, int]
    waiting: Collection[str]


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

# Memories can be deleted while their cycle is computed: their rows are then copied in, and must be removed again.
FORGET_GONE = """
select dreams.forget_copies(g.gone, '{{}}') from (
    select array_agg(distinct d.memory_id) as gone from ({told}) as d
    where not exists (select from public.memories as m where m.id = d.memory_id)
) as g
where g.gone is not null
"""

# Labels memories with a small number that stays the same as long as their cluster does. Updates go through the table in
# page order, so that each page is written and logged once; a join in batches, for want of memory, would scatter them.
# Skips rows that another transaction has locked, since it may be waiting for this one to publish, and returns how many.
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

    Everything happens in the caller's transaction: a reader sees the cycle before, or the whole of this one.
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
    forget_gone(connection, [transfers[name][0].target for name in names if name in ABOUT_ONE_MEMORY])
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
    """Removes everything about memories of these tables that were deleted while the cycle ran."""
    told = sql.SQL(" union all ").join(sql.SQL("select memory_id from {}").format(table) for table in tables)
    connection.execute(sql.SQL(FORGET_GONE).format(told=told))


def label_clusters(connection: Connection, told: sql.Identifier) -> bool:
    """Gives each memory in a table of states the label of its cluster; returns whether any was skipped as locked."""
    connection.execute(MEMORY_FOR_LABELS)
    return connection.execute(sql.SQL(LABEL_CLUSTERS).format(told=told)).fetchone() != (0,)


def row_counts(cache: Path, names: Sequence[str]) -> Mapping[str, int]:
    """The number of rows of each mart in the DuckDB file."""
    with duckdb.connect(str(cache), read_only=True) as source:
        return {name: source.table(name).count("*").fetchall()[0][0] for name in names}


def computed_for(cache: Path) -> tuple[datetime, Mapping[str, object]]:
    """The instant and the parameters that a DuckDB file was computed with.

    Raises InputError when there is no such file, or no finished run in it.
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
    """The transfers that publish a mart.

    The whole mart goes into an empty table. Otherwise the differences, if known, and the removed keys are staged beside
    the table, or else the whole mart, to be compared. Records are always staged whole.
    """
    columns, staged = columns_of(source, name), f"staged_{name}"
    if name not in MARTS:
        return [Transfer(name, f'"{name}"', columns, staged)]
    key = MARTS[name].key
    if is_empty(connection, name):
        # In key order, so that the key's index is written from one end to the other.
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
        record_fill(connection, name, cycle_id, counts[0])
        return counts[0]
    return merge(connection, name, MARTS[name], cycle_id, by_differences=len(transfers) > 1)
