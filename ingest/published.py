"""What Postgres has of each mart, kept in the DuckDB file beside it: the next cycle publishes what differs.

Called by the cycle and by write-back. Where Postgres may hold anything else (another cycle was published meanwhile,
memories were deleted), the whole mart is compared there.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import duckdb

from ingest import forgetting
from memories.database import Connection

LAST_CYCLE = "select cycle_id from dreams.cycles where state = 'published' order by published_at desc limit 1"
IS_KEPT = "select 1 from information_schema.tables where table_schema = 'published' and table_name = 'marts'"
logger = logging.getLogger(__name__)


def last_cycle(connection: Connection) -> UUID | None:
    row = connection.execute(LAST_CYCLE).fetchone()
    return None if row is None else UUID(str(row[0]))


def is_known(connection: Connection, source: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether the mart of that name in schema `published` of a DuckDB file is what Postgres holds."""
    kept_with = _cycle_of(source, name)
    if kept_with is None or kept_with != last_cycle(connection) or forgetting.waiting(connection):
        return False
    held = connection.execute(f"select count(*) from dreams.{name}".encode()).fetchone()  # noqa: S608 - a name of our own
    return held == (_count(source, f"published.{name}"),)


def _count(source: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(source.execute(f"select count(*) from {relation}").fetchall()[0][0])  # noqa: S608 - a name of our own


def _cycle_of(source: duckdb.DuckDBPyConnection, name: str) -> UUID | None:
    if not source.execute(IS_KEPT).fetchall():
        return None
    row = source.execute("select cycle_id from published.marts where name = ?", [name]).fetchone()
    return None if row is None else UUID(str(row[0]))


def keep(cache: Path, before: UUID | None, cycle_id: UUID, rows_changed: Mapping[str, int]) -> None:
    """Keeps what a cycle, which came after another, has published: of each mart so many rows that were not there.

    Where the file cannot be written the cycle stands nevertheless: the next one compares whole marts.
    """
    try:
        with duckdb.connect(str(cache)) as source:
            source.execute("create schema if not exists published")
            source.execute("create table if not exists published.marts (name varchar, cycle_id uuid)")
            for name, changed in rows_changed.items():
                if not changed and _is_kept(source, name, before):
                    continue
                source.execute(f"create or replace table published.{name} as from main.{name}")
                source.execute("delete from published.marts where name = ?", [name])
                source.execute("insert into published.marts values (?, ?)", [name, cycle_id])
            source.execute("update published.marts set cycle_id = ? where cycle_id = ?", [cycle_id, before])
    except duckdb.IOException as error:
        logger.warning("the next cycle will compare whole marts, for what was published could not be kept: %s", error)


def _is_kept(source: duckdb.DuckDBPyConnection, name: str, before: UUID | None) -> bool:
    """Whether what was kept with the cycle before is as much as there is; what changed is known to the caller."""
    kept_with = _cycle_of(source, name)
    return (
        kept_with is not None
        and kept_with == before
        and _count(source, f"published.{name}") == _count(source, f"main.{name}")
    )


def drop(cache: Path) -> None:
    """Forgets what was kept."""
    with duckdb.connect(str(cache)) as connection:
        connection.execute("drop schema if exists published cascade")
