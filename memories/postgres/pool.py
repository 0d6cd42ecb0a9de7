"""Lends connections to one store, and says plainly when Postgres does not answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import ConnectionPool

from memories.errors import StoreError, StoreUnreachable
from memories.faults import of_postgres
from memories.postgres.database import Connection, without_password

MOST_CONNECTIONS = 12
CONNECT_SECONDS = 15.0
# The SQLSTATE classes of a broken connection and of a server that shuts down; with no SQLSTATE, nothing answered.
CONNECTION_LOST = ("08", "57P")


class StorePool(ConnectionPool[Connection]):
    """A pool of autocommit connections, each checked before use, since Postgres may have been restarted.

    `configure` prepares each new connection.
    """

    def __init__(self, database_url: str, configure: Callable[[Connection], None]) -> None:
        self._database_url = database_url
        super().__init__(
            database_url,
            kwargs={"autocommit": True, "connect_timeout": 10, "application_name": "dreams"},
            min_size=2,
            max_size=MOST_CONNECTIONS,
            check=ConnectionPool.check_connection,
            configure=configure,
            name="dreams",
            open=True,
        )

    @contextmanager
    def connection(self, timeout: float | None = CONNECT_SECONDS) -> Iterator[Connection]:
        """Lends a connection for the length of the block.

        Raises StoreUnreachable when none can be had within `timeout` seconds or it is lost, and StoreError when
        Postgres cannot do what the block asks.
        """
        try:
            with super().connection(timeout) as connection:
                yield connection
        except psycopg.OperationalError as error:
            if error.sqlstate is not None and not error.sqlstate.startswith(CONNECTION_LOST):
                raise StoreError(of_postgres(error)) from error
            raise StoreUnreachable(
                f"Postgres does not answer at {without_password(self._database_url)}, or not now: check that it runs, "
                f"and try again ({str(error).strip().splitlines()[0]})"
            ) from error
