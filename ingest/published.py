"""What Postgres has of the largest mart, kept in the DuckDB file beside it: the next cycle publishes what differs.

Called by the cycle and by write-back. Where Postgres may hold anything else (another cycle was published meanwhile,
rows were deleted), the whole mart is compared there, as all others are.
"""

import logging
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

import duckdb

from memories.database import Connection

LARGEST = "edge_states"
LAST_CYCLE = "select cycle_id from dreams.cycles where state = 'published' order by published_at desc limit 1"
NOTED = "select 1 from information_schema.tables where table_schema = 'published' and table_name = 'cycle'"
logger = logging.getLogger(__name__)


def last_cycle(connection: Connection) -> UUID | None:
    row = connection.execute(LAST_CYCLE).fetchone()
    return None if row is None else UUID(str(row[0]))


def is_known(connection: Connection, source: duckdb.DuckDBPyConnection) -> bool:
    """Whether `published.edge_states` of a DuckDB file is what Postgres holds."""
    if not source.execute(NOTED).fetchall():
        return False
    noted, rows = source.execute(
        f"select cycle_id, (select count(*) from published.{LARGEST}) from published.cycle"  # noqa: S608 - a name of our own
    ).fetchall()[0]
    held = connection.execute(f"select count(*) from dreams.{LARGEST}".encode()).fetchone()  # noqa: S608
    return noted == last_cycle(connection) and held == (rows,)


def note(cache: Path, before: UUID | None, cycle_id: UUID, names: Collection[str]) -> None:
    """Keeps what a cycle, which came after another, has published of the marts named.

    Where the file cannot be written the cycle stands nevertheless: the next one compares the whole mart.
    """
    try:
        with duckdb.connect(str(cache)) as connection:
            _note(connection, before, cycle_id, names)
    except duckdb.IOException as error:
        logger.warning("the next cycle will compare all edges, for what was published could not be kept: %s", error)


def _note(connection: duckdb.DuckDBPyConnection, before: UUID | None, cycle_id: UUID, names: Collection[str]) -> None:
    if LARGEST in names:
        connection.execute("create schema if not exists published")
        connection.execute(f"create or replace table published.{LARGEST} as from main.{LARGEST}")
        connection.execute("create or replace table published.cycle as select ?::uuid as cycle_id", [cycle_id])
    elif connection.execute(NOTED).fetchall():
        connection.execute("update published.cycle set cycle_id = ? where cycle_id = ?", [cycle_id, before])


def drop(cache: Path) -> None:
    """Forgets what was kept."""
    with duckdb.connect(str(cache)) as connection:
        connection.execute("drop schema if exists published cascade")
