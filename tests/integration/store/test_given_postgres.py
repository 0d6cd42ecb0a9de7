"""Migrations of the PostgreSQL at TEST_POSTGRES_DB_URL (version 15 or later; its user may create databases)."""

import os
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from memories.documents.write import store
from memories.errors import StoreUnsuitable
from memories.postgres.database import connect
from memories.postgres.migrate import migrate
from memories.records import Document

GIVEN = os.environ.get("TEST_POSTGRES_DB_URL")
pytestmark = pytest.mark.skipif(not GIVEN, reason="TEST_POSTGRES_DB_URL names no PostgreSQL to test on")


@pytest.fixture
def given_url() -> Iterator[str]:
    name = f"dreams_test_{uuid4().hex}"
    with psycopg.connect(GIVEN, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield make_conninfo(**{**conninfo_to_dict(GIVEN), "dbname": name})
    with psycopg.connect(GIVEN, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def has_pgvector(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("select 1 from pg_available_extensions where name = 'vector'").fetchone() is not None


def test_migrations_run_twice_or_say_what_to_install(given_url: str) -> None:
    if not has_pgvector(given_url):
        with pytest.raises(StoreUnsuitable, match=r"install the package postgresql-\d+-pgvector"):
            migrate(given_url)
        with connect(given_url) as connection:
            assert connection.execute("select to_regnamespace('dreams')").fetchone() == (None,)
        return
    assert migrate(given_url)
    assert migrate(given_url) == []
    with connect(given_url) as connection:
        store(connection, Document("test", "1", "kept elsewhere"))
        assert connection.execute("select total_memories from dreams.get_memory_stats()").fetchone() == (1,)
        assert connection.execute("select kind from dreams.recall_events").fetchall() == [("created",)]
