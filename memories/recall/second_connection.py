"""A second connection for a search: it answers while the first is asked something else. Called by `Memory`."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg_pool import ConnectionPool, PoolTimeout

from memories.postgres.database import Connection

# No longer than a second connection saves.
SPARE_SECONDS = 0.002


@contextmanager
def beside(pool: "ConnectionPool[Connection]", connection: Connection) -> Iterator[Connection]:
    """A connection in pipeline mode: it sends what it is told to execute, and waits only where the rows are fetched.

    Where there is none to spare it is the one given, which waits at once.
    """
    try:
        spare = pool.getconn(SPARE_SECONDS)
    except PoolTimeout:
        yield connection
        return
    try:
        with spare.pipeline():
            yield spare
    finally:
        pool.putconn(spare)
