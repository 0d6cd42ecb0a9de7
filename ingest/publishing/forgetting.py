"""Removes deleted memories from what Postgres' triggers do not reach: the files of caches, the history of cycles.

DuckDB and tantivy leave deleted data in their files, so the files are rewritten without it.
"""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import duckdb

from ingest.dbt.path_in_sql import path_in_sql
from memories import kept_reports
from memories.lexical.index import LexicalIndex, folder_of
from memories.postgres.database import Connection

# Tables whose planner statistics quote words: tags and concepts. (Texts have no statistics.)
ANALYZE = """
analyze public.memories, dreams.memory_states, dreams.semantic_network, dreams.communities, dreams.memory_insights,
    dreams.cycle_changes
"""


def waiting(connection: Connection) -> Sequence[UUID]:
    """Ids of the memories deleted since the last whole cycle."""
    return [UUID(str(memory_id)) for (memory_id,) in connection.execute("select memory_id from dreams.forgotten")]


def rewrite(cache: Path) -> None:
    """Rewrites a DuckDB file, whose free blocks still hold what was deleted from its tables."""
    fresh = cache.with_suffix(f"{cache.suffix}.fresh")
    fresh.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach {path_in_sql(cache)} as kept (read_only)")
        connection.execute(f"attach {path_in_sql(fresh)} as fresh")
        connection.execute("copy from database kept to fresh")
    fresh.replace(cache)


def forget(connection: Connection, gone: Sequence[UUID]) -> None:
    """Removes memories from the history of cycles and the kept reports, and all deleted ones from the lexical index.

    Refreshes the planner's statistics as well, since they quote values of the tables.
    """
    connection.execute("select dreams.forget_queries(%s)", (list(gone),))
    connection.execute("select dreams.forget_leftovers(%s)", (list(gone),))
    connection.execute(ANALYZE)
    kept_reports.withdraw(gone)
    folder = folder_of(connection)
    if folder.exists():
        index = LexicalIndex(folder)
        index.renew(connection)
        index.close()
