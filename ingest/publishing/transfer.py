"""Copies rows of a DuckDB file into tables of Postgres, while DuckDB writes out the next ones."""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from psycopg import sql

from ingest.dbt.path_in_sql import path_in_sql
from memories.postgres.database import Connection

COPY_BYTES = 1 << 20
# DuckDB writes lists of text as varchar[] and JSON as text, which Postgres does not take, so their bytes are spelt out
# in hexadecimal. An array is: dimensions (1), NULL flag (0), element type (0x19, text), number of elements, lower bound
# (1), then each element after its length; jsonb is its format version (1) and the text.
TEXTS = """unhex(
    '000000010000000000000019' || printf('%08X', len("{column}")) || '00000001' || array_to_string(
        list_transform("{column}", lambda one: coalesce(printf('%08X', strlen(one)) || hex(one), 'FFFFFFFF')), ''
    )
)"""
JSON = """unhex('01' || hex("{column}"::varchar))"""
SPELT = {"VARCHAR[]": TEXTS, "JSON": JSON}


@dataclass(frozen=True, slots=True)
class Transfer:
    """Rows of a DuckDB file, with the name and type of each column, and their target.

    The target is the mart itself or, with `beside`, a new temporary table of that name with the mart's column types.
    """

    mart: str
    rows: str
    columns: Sequence[tuple[str, str]]
    beside: str | None = None

    @property
    def target(self) -> sql.Identifier:
        return sql.Identifier("dreams", self.mart) if self.beside is None else sql.Identifier(self.beside)


def columns_of(source: duckdb.DuckDBPyConnection, relation: str) -> Sequence[tuple[str, str]]:
    """Name and DuckDB type of each column of a relation."""
    return [(str(row[0]), str(row[1])) for row in source.sql(f'describe "{relation}"').fetchall()]


@contextmanager
def written_out(source: duckdb.DuckDBPyConnection, transfers: Sequence[Transfer]) -> Iterator[Iterator[Future[Path]]]:
    """Yields a future file for each transfer, in order; a thread writes them one by one while the block runs."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as writer:
        try:
            yield iter([
                writer.submit(_write_out, source, transfer, Path(folder) / str(number))
                for number, transfer in enumerate(transfers)
            ])  # fmt: skip
        finally:
            writer.shutdown(cancel_futures=True)


def _write_out(source: duckdb.DuckDBPyConnection, transfer: Transfer, file: Path) -> Path:
    """Writes Postgres' binary format, without Python objects for rows; each side takes half the time of text."""
    selected = ", ".join(SPELT.get(kind, '"{column}"').format(column=column) for column, kind in transfer.columns)
    with source.cursor() as cursor:
        cursor.execute("set TimeZone = 'UTC'")
        cursor.execute(f"copy (select {selected} from {transfer.rows}) to {path_in_sql(file)} (format postgres_binary)")  # noqa: S608 - names of our own
    return file


def copy(connection: Connection, transfer: Transfer, written: Future[Path]) -> int:
    """Copies a written file into its target; returns the number of rows."""
    if transfer.beside is not None:
        columns = sql.SQL(", ").join(_declared(connection, transfer.mart, *column) for column in transfer.columns)
        made = sql.SQL("create temporary table {} ({}) on commit drop").format(transfer.target, columns)
        connection.execute(made)
    names = sql.SQL(", ").join(sql.Identifier(column) for column, _ in transfer.columns)
    cursor = connection.cursor()
    file = written.result()
    with (
        cursor.copy(sql.SQL("copy {} ({}) from stdin (format binary)").format(transfer.target, names)) as lines,
        file.open("rb") as data,
    ):
        while block := data.read(COPY_BYTES):
            lines.write(block)
    file.unlink()
    # Without statistics, later joins in this transaction would be planned for an empty table. One key column is enough.
    connection.execute(sql.SQL("analyze {} ({})").format(transfer.target, sql.Identifier(transfer.columns[0][0])))
    return cursor.rowcount


def _declared(connection: Connection, mart: str, column: str, kind: str) -> sql.Composable:
    """A column with its type in the mart's table; a record without such a table gets simple types."""
    row = connection.execute(
        "select format_type(a.atttypid, a.atttypmod) from pg_attribute as a"
        " where a.attrelid = to_regclass(%s) and a.attname = %s",
        (f"dreams.{mart}", column),
    ).fetchone()
    declared = str(row[0]) if row else {"VARCHAR": "text", "DOUBLE": "double precision"}.get(kind, kind.lower())
    return sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(declared))
