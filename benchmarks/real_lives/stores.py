"""Keeps a store for each life, embedded once and copied for each dream, and makes one as of thirteen weeks ago."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

import ingest.settings
import memories.settings
from benchmarks.real_lives.histories import Life
from ingest.cycle.run import enrich, open_cycle
from ingest.loading.load import load
from memories.postgres import database
from memories.postgres.database import connect
from memories.postgres.migrate import migrate

EARLIER = timedelta(weeks=13)
DATED = (
    ("public", "memories", "created_at"),
    ("public", "memories", "updated_at"),
    ("dreams", "recall_events", "occurred_at"),
)
LEFT_BEHIND = "delete from {} where memory_id not in (select id from public.memories)"
MOVED = "update {table} set {column} = {column} + %s"


def use(home: Path, name: str, like: str | None = None) -> None:
    """Points the settings to a database and its DuckDB file; with `like`, makes it anew as a copy of that one."""
    server = database.start(memories.settings.StoreSettings(postgres_db_url=None))
    cache = home / f"{name}.duckdb"
    with psycopg.connect(server, autocommit=True) as connection:
        if like is not None:
            connection.execute(f"drop database if exists {name} with (force)".encode())
            connection.execute(f"create database {name} template {like}".encode())
            cache.unlink(missing_ok=True)
        elif connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
            connection.execute(f"create database {name}".encode())
    os.environ.update(POSTGRES_DB_URL=server.replace("/dreams?", f"/{name}?"), DUCKDB_PATH=str(cache))
    memories.settings.settings.cache_clear()
    ingest.settings.settings.cache_clear()
    migrate()


def embedded(home: Path, life: Life) -> str:
    """The name of the life's store, with annotations and vectors, on which no cycle has run."""
    name = f"lives_{life.name}".replace("-", "_")
    use(home, name)
    with connect(autocommit=True) as connection:
        # A store that was kept holds the dates of its own day.
        if connection.execute("select from public.memories limit 1").fetchone() is None:
            load(connection, life.documents)
    with open_cycle() as opened:
        enrich(opened)
    return name


def go_back() -> datetime:
    """Makes the store in use what it was thirteen weeks before its end, and moves it so that it ends now.

    Returns the instant of the end, on the dates of the whole life.
    """
    with connect() as connection:
        connection.execute("set session_replication_role = replica")
        row = connection.execute("select max(created_at) from public.memories").fetchone()
        assert row is not None and isinstance(row[0], datetime)
        end = row[0] - EARLIER
        connection.execute("delete from public.memories where created_at >= %s", (end,))
        for table in ("recall_events", "passages"):
            connection.execute(sql.SQL(LEFT_BEHIND).format(sql.Identifier("dreams", table)))
        for schema, table, column in DATED:
            connection.execute(
                sql.SQL(MOVED).format(table=sql.Identifier(schema, table), column=sql.Identifier(column)), (EARLIER,)
            )
    return end
