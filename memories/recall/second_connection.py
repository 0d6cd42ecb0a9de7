"""Lends a search a second connection, whose queries run while the first is busy."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg_pool import ConnectionPool, PoolTimeout

from memories.postgres.database import Connection

# Waiting longer would cost more than a second connection saves.
SPARE_SECONDS = 0.002


@contextmanager
def beside(pool: "ConnectionPool[Connection]", connection: Connection) -> Iterator[Connection]:
    """Yields a connection in pipeline mode: it sends queries at once, and waits only when their rows are fetched.

    Yields `connection` itself, which waits for each query, when the pool has none to spare.
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
