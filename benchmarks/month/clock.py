"""Sets the clock of a compressed month, in Postgres and in this process.

Postgres looks functions up along its search path. From the first migration on it finds our `now` and `clock_timestamp`
before its own: column defaults, triggers and cycles use them, and no memory is ever backdated. The modules that ask
Python for the time get another `datetime`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from unittest.mock import patch

import memories.memory
import memories.recall.search
from memories.postgres.database import DATABASE, Connection, connect

FUNCTIONS = """
create schema clock;
create table clock.settings (ahead interval not null);
insert into clock.settings values ('0');
create function clock.clock_timestamp() returns timestamptz language sql volatile as
$$ select pg_catalog.clock_timestamp() + ahead from clock.settings $$;
create function clock.now() returns timestamptz language sql stable as
$$ select pg_catalog.now() + ahead from clock.settings $$;
"""
SEARCH_PATH = f"alter database {DATABASE} set search_path = public, clock, pg_catalog"


class Clock:
    """A clock that one thread sets and any thread may read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def set(self, instant: datetime) -> None:
        self._ahead = instant - datetime.now(UTC)
        self._connection.execute("update clock.settings set ahead = %s", (self._ahead,))

    def forward(self, duration: timedelta) -> None:
        self.set(self.now() + duration)


@contextmanager
def compressed(url: str) -> Iterator[Clock]:
    """Sets the clock of a database that is not migrated yet, and of this process while the block runs."""
    with connect(url, autocommit=True) as connection:
        for statement in (FUNCTIONS, SEARCH_PATH):
            connection.execute(statement.encode())
        clock = Clock(connection)

        class Told(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return clock.now().astimezone(tz)

        with patch.object(memories.memory, "datetime", Told), patch.object(memories.recall.search, "datetime", Told):
            yield clock
