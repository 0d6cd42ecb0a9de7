"""Remembers in the DuckDB file what Postgres holds of each mart, so that the next cycle publishes only what differs.

A published table is not copied: it gets another name, and a view stands in its place until dbt computes it again. dbt
updates some tables part by part (macros/carried.sql). It sets aside the parts it removes, and this remembers which
parts are published. Where Postgres may hold anything else, because another cycle published or a memory was deleted,
the whole mart is compared there.
"""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from uuid import UUID

import duckdb

from ingest.publishing import forgetting
from ingest.publishing.marts import MARTS
from memories.postgres.database import Connection

LAST_CYCLE = "select cycle_id from dreams.cycles where state = 'published' order by published_at desc limit 1"
IS_KEPT = "select 1 from information_schema.tables where table_name = 'published_marts'"
IS_TABLE = "select 1 from information_schema.tables where table_name = ?"
IS_VIEW = "select 1 from information_schema.tables where table_name = ? and table_type = 'VIEW'"
# In a table that dbt updates part by part: the published rows that are still there, the new ones, and those that dbt
# set aside and did not bring back.
STILL_THERE = "{table} semi join published_parts_{table} using (fingerprint)"
NEW = "(select * exclude (fingerprint) from {table} anti join published_parts_{table} using (fingerprint))"
PUT_BY = """(
    select * exclude (fingerprint) from former_{table}
    anti join (select distinct fingerprint from {table}) using (fingerprint)
)"""
PARTS = "select distinct fingerprint from {table}"
# The days, of what lies in time, on which other rows stand than were published; hashed as by macros/rows_hash.sql.
CHANGED_DAYS = """
with computed as (
    select {day} as day, count(*) as row_count, bit_xor(hash(hash(*columns(*)))) as rows_hash from {name} group by day
),
published as (
    select {day} as day, count(*) as row_count, bit_xor(hash(hash(*columns(*)))) as rows_hash from {kept} group by day
)
select day from computed full join published using (day)
where (computed.row_count, computed.rows_hash) is distinct from (published.row_count, published.rows_hash)
order by day
"""
# Rows of a view that are asked for by name.
MOST_NAMED = 5000
DAY = "epoch_us({at}) // 86400000000"
logger = logging.getLogger(__name__)


def last_cycle(connection: Connection) -> UUID | None:
    row = connection.execute(LAST_CYCLE).fetchone()
    return None if row is None else UUID(str(row[0]))


def is_known(connection: Connection, source: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether what a DuckDB file keeps of the mart of that name is what Postgres holds."""
    kept_with = _cycle_of(source, name)
    if kept_with is None or kept_with != last_cycle(connection) or forgetting.waiting(connection):
        return False
    table = _table_of(name)
    if not MARTS[name].is_in_parts:
        count = _count(source, kept(name))
    elif source.execute(IS_TABLE, [f"published_parts_{table}"]).fetchall():
        count = _count(source, STILL_THERE.format(table=table)) + _count(source, PUT_BY.format(table=table))
    else:
        return False
    held = connection.execute(f"select count(*) from dreams.{name}".encode()).fetchone()  # noqa: S608 - a name of our own
    return held == (count,)


def differences(source: duckdb.DuckDBPyConnection, name: str, key: Sequence[str], at: str | None) -> tuple[str, str]:
    """The rows of a mart that were not published as they are, and those published whose key is gone, as SQL.

    Where rows lie in time, most days hold what they held: by a hash of each day only the others are compared.
    """
    table, same_key = _table_of(name), f"using ({', '.join(key)})"
    if MARTS[name].is_in_parts:
        made, put_by = NEW.format(table=table), PUT_BY.format(table=table)
        return f"(from {made} except from {put_by})", f"(from {put_by} anti join {made} {same_key})"
    new, old = table, kept(name)
    if at is not None:
        day = DAY.format(at=at)
        days = source.execute(CHANGED_DAYS.format(day=day, name=new, kept=old)).fetchall()
        on_these = f"where {day} in (select unnest({[number for (number,) in days]}::bigint[]))"
        new, old = f"(from {new} {on_these})", f"(from {old} {on_these})"
    differing = f"(from {new} except from {old})"
    if table != name:
        differing = _rows_of(source, name, key, differing)
    return differing, f"(from {old} anti join {table} {same_key})"


def _rows_of(source: duckdb.DuckDBPyConnection, view: str, key: Sequence[str], told: str) -> str:
    """The rows of a view that a relation tells by its key, as SQL. Where these are few they are named, so that the view
    joins them alone.
    """
    keys = source.execute(f"select {', '.join(key)} from {told} limit {MOST_NAMED + 1}").fetchall()  # noqa: S608
    if len(keys) > MOST_NAMED:
        return f"(from {view} semi join {told} using ({', '.join(key)}))"
    literals = ["'" + str(value).replace("'", "''") + "'" for (value,) in keys]
    return f"(from {view} where {key[0]} in ({', '.join(literals)}))" if literals else f"(from {view} limit 0)"


def _table_of(name: str) -> str:
    """The table of the DuckDB file whose rows show what differs of a mart."""
    return MARTS[name].computed_in or name


def _count(source: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(source.execute(f"select count(*) from {relation}").fetchall()[0][0])  # noqa: S608 - a name of our own


def _cycle_of(source: duckdb.DuckDBPyConnection, name: str) -> UUID | None:
    if not source.execute(IS_KEPT).fetchall():
        return None
    row = source.execute(
        "select cycle_id from published_marts where name = ? and cycle_id is not null", [name]
    ).fetchone()
    return None if row is None else UUID(str(row[0]))


def keep(
    cache: Path, before: UUID | None, cycle_id: UUID, names: Collection[str], waiting: Collection[str] = ()
) -> None:
    """Keeps the marts that a cycle, which came after another, has published. Of those waiting the next compares all.

    Where the file cannot be written the cycle stands nevertheless: the next one compares whole marts.
    """
    try:
        with duckdb.connect(str(cache)) as source:
            source.begin()
            source.execute("create table if not exists published_marts (name varchar, cycle_id uuid)")
            for name in names:
                table = _table_of(name)
                if MARTS[name].is_in_parts:
                    parts = PARTS.format(table=table)
                    source.execute(f"create or replace table published_parts_{table} as {parts}")
                    source.execute(f"create or replace table former_{table} as from {table} limit 0")
                elif not _is_view(source, table):
                    source.execute(f"drop table if exists {kept(name)}")
                    source.execute(f"alter table {table} rename to {kept(name)}")
                    source.execute(f"create view {table} as from {kept(name)}")
                source.execute("delete from published_marts where name = ?", [name])
                source.execute(
                    "insert into published_marts values (?, ?)", [name, None if name in waiting else cycle_id]
                )
            source.execute("update published_marts set cycle_id = ? where cycle_id = ?", [cycle_id, before])
            source.commit()
    except duckdb.IOException as error:
        logger.warning("the next cycle will compare whole marts, for what was published could not be kept: %s", error)


def _is_view(source: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether a table is still what was kept: dbt has not made it anew since."""
    return bool(source.execute(IS_VIEW, [table]).fetchall())


def kept(name: str) -> str:
    """The table of a DuckDB file that tells what Postgres has of a mart."""
    return f"published_{_table_of(name)}"


def drop(cache: Path) -> None:
    """Forgets what was kept; a mart that dbt has not made anew since is that, and stays."""
    with duckdb.connect(str(cache)) as source:
        if not source.execute(IS_KEPT).fetchall():
            return
        source.begin()
        for (name,) in source.execute("select name from published_marts").fetchall():
            table = _table_of(name)
            if MARTS[name].is_in_parts:
                source.execute(f"drop table if exists published_parts_{table}")
                source.execute(f"drop table former_{table}")
            elif _is_view(source, table):
                source.execute(f"drop view {table}")
                source.execute(f"alter table {kept(name)} rename to {table}")
            else:
                source.execute(f"drop table {kept(name)}")
        source.execute("drop table published_marts")
        source.commit()
