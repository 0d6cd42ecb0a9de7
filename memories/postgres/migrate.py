"""Migrates the store to the schema of this version: numbered plain SQL, forward only, one transaction per file."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import psycopg

from memories.errors import StoreUnsuitable
from memories.postgres.database import Connection, connect
from memories.postgres.earlier_schema import keep_earlier
from memories.settings import PROJECT_ROOT

MIGRATIONS = PROJECT_ROOT / "sql" / "migrations"
COMMENTS = PROJECT_ROOT / "sql" / "comments.sql"
LOCK = "select pg_advisory_xact_lock(hashtext('codex-dreams migrations'))"
OLDEST_POSTGRES = 150000
OLDEST_PGVECTOR = (0, 7)
TABLE_MADE = re.compile(r"^create table if not exists (\w+\.\w+)", re.MULTILINE)


def migrate(database_url: str | None = None, *, until: str | None = None) -> Sequence[str]:
    """Applies the pending migrations (up to and including `until`), and returns their names.

    First moves what another program has in schema dreams to a schema of another name.
    Raises StoreUnsuitable, having changed nothing, when the server is too old, has no pgvector, or holds the table of
    Codex 0.1.
    """
    with connect(database_url, autocommit=True) as connection:
        check_suitable(connection)
        _make_room(connection)
        wanted = [path for path in sorted(MIGRATIONS.glob("*.sql")) if until is None or path.name <= until]
        applied = [path.name for path in wanted if _apply(connection, path)]
        if applied and until is None:
            connection.execute(COMMENTS.read_bytes())
        if until is None:
            connection.execute("select dreams.drop_duplicate_indexes()")
        return applied


def pending(database_url: str | None = None) -> Sequence[str]:
    """Names of the migrations not yet applied to this store."""
    with connect(database_url) as connection:
        known = connection.execute("select to_regclass('dreams.migrations')").fetchone()
        applied = (
            {name for (name,) in connection.execute("select name from dreams.migrations")}
            if known != (None,)
            else set()
        )
    return [path.name for path in sorted(MIGRATIONS.glob("*.sql")) if path.name not in applied]


def tables_made_by(migrations: Iterable[str]) -> set[str]:
    """The tables that migrations create.

    Raises StoreUnsuitable when this version does not know one of the migrations.
    """
    paths = [MIGRATIONS / name for name in migrations]
    unknown = [path.name for path in paths if not path.is_file()]
    if unknown:
        raise StoreUnsuitable(f"this store is of a later version ({unknown[0]}): install that one")
    return {table for path in paths for table in TABLE_MADE.findall(path.read_text())}


def _make_room(connection: Connection) -> None:
    try:
        with connection.transaction():
            connection.execute(LOCK)
            keep_earlier(connection, MIGRATIONS)
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreUnsuitable(
            "schema dreams holds the tables of another program, and the database user may not rename it: let its owner "
            "run `alter schema dreams rename to dreams_before`"
        ) from error


def _apply(connection: Connection, path: Path) -> bool:
    with connection.transaction():
        connection.execute(LOCK)
        connection.execute("create schema if not exists dreams")
        connection.execute(
            "create table if not exists dreams.migrations ("
            " name text primary key, applied_at timestamptz not null default clock_timestamp())"
        )
        connection.execute("comment on table dreams.migrations is 'The migrations that this store has had.'")
        if connection.execute("select 1 from dreams.migrations where name = %s", (path.name,)).fetchone():
            return False
        try:
            connection.execute(path.read_bytes())
        except psycopg.errors.InsufficientPrivilege as error:
            raise StoreUnsuitable(
                f"the database user may not run {path.name} ({str(error).splitlines()[0]}): "
                "let a superuser run `create extension vector` and grant this user create on the database"
            ) from error
        connection.execute("insert into dreams.migrations (name) values (%s)", (path.name,))
    return True


def check_suitable(connection: Connection) -> None:
    """Raises StoreUnsuitable when this database cannot hold the store."""
    if connection.info.server_version < OLDEST_POSTGRES:
        raise StoreUnsuitable(
            f"this server is PostgreSQL {connection.info.server_version // 10000}: use version 15 or later"
        )
    row = connection.execute("select default_version from pg_available_extensions where name = 'vector'").fetchone()
    if row is None:
        raise StoreUnsuitable(
            "this server has no pgvector: install the package postgresql-"
            f"{connection.info.server_version // 10000}-pgvector (0.7 or later) on it and run the command again"
        )
    if tuple(int(part) for part in str(row[0]).split(".")[:2]) < OLDEST_PGVECTOR:
        raise StoreUnsuitable(f"this server has pgvector {row[0]}: upgrade it to 0.7 or later")
    columns = {
        str(name)
        for (name,) in connection.execute(
            "select column_name from information_schema.columns"
            " where table_schema = 'public' and table_name = 'memories'"
        )
    }
    if columns and not {"context", "summary", "content_hash"} <= columns:
        raise StoreUnsuitable(
            "public.memories is the table of Codex 0.1, or of another program: nothing was changed; "
            "give POSTGRES_DB_URL a database of its own"
        )
