"""Records in the DuckDB file what Postgres holds of each mart, so that the next cycle publishes only the differences.

A published table is not copied: it is renamed, and a view takes its place until dbt computes the table again. dbt
updates some tables part by part (macros/carried.sql): for these, dbt sets aside the parts it removes, and this module
records which parts are published. If Postgres may hold anything else, because another cycle published or a memory was
deleted, the whole mart is compared there.
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
# Rows of a table that dbt updates part by part: published ones that are still there, new ones, and those that dbt set
# aside and did not bring back.
STILL_THERE = "{table} semi join published_parts_{table} using (fingerprint)"
NEW = "(select * exclude (fingerprint) from {table} anti join published_parts_{table} using (fingerprint))"
PUT_BY = """(
    select * exclude (fingerprint) from former_{table}
    anti join (select distinct fingerprint from {table}) using (fingerprint)
)"""
PARTS = "select distinct fingerprint from {table}"
# The days whose rows differ from the published ones, for marts with a time column; hashed as by macros/rows_hash.sql.
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
# The most rows of a view that are selected by a literal list of their keys.
MOST_NAMED = 5000
DAY = "epoch_us({at}) // 86400000000"
logger = logging.getLogger(__name__)


def last_cycle(connection: Connection) -> UUID | None:
    row = connection.execute(LAST_CYCLE).fetchone()
    return None if row is None else UUID(str(row[0]))


def is_known(connection: Connection, source: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether the rows of a mart that the DuckDB file records as published are those that Postgres holds."""
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
    """SQL for the rows of a mart that differ from the published ones, and for the published rows whose key is gone.

    With a time column, only the days whose hash has changed are compared: most days stay the same.
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
    """SQL for the rows of a view whose keys are in a relation.

    Up to `MOST_NAMED` keys are written as literals, so that the view joins only those rows.
    """
    keys = source.execute(f"select {', '.join(key)} from {told} limit {MOST_NAMED + 1}").fetchall()  # noqa: S608
    if len(keys) > MOST_NAMED:
        return f"(from {view} semi join {told} using ({', '.join(key)}))"
    literals = ["'" + str(value).replace("'", "''") + "'" for (value,) in keys]
    return f"(from {view} where {key[0]} in ({', '.join(literals)}))" if literals else f"(from {view} limit 0)"


def _table_of(name: str) -> str:
    """The table of the DuckDB file whose rows show how a mart differs."""
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
    """Records the marts that a cycle published after cycle `before`; the next cycle compares those `waiting` whole.

    If the file cannot be written the cycle still stands, and the next one compares whole marts.
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
        logger.warning("what was published could not be recorded, so the next cycle compares whole marts: %s", error)


def _is_view(source: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether a table is still the view of its kept rows, because dbt has not computed it since."""
    return bool(source.execute(IS_VIEW, [table]).fetchall())


def kept(name: str) -> str:
    """The table of the DuckDB file that holds the published rows of a mart."""
    return f"published_{_table_of(name)}"


def drop(cache: Path) -> None:
    """Drops what was kept; a mart that dbt has not computed since gets its kept rows back as a table."""
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
