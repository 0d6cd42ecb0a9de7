"""Takes deleted memories out of what Postgres' triggers do not reach: the files of caches, the history of cycles.

Called by the cycle. DuckDB and tantivy leave what was deleted in their files; so they are written anew, without it.
"""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import duckdb

from ingest.dbt.path_in_sql import path_in_sql
from memories.lexical.index import LexicalIndex, folder_of
from memories.postgres.database import Connection

# Tables that have statistics of words: tags and concepts. (Of texts there are none.)
ANALYZE = """
analyze public.memories, dreams.memory_states, dreams.semantic_network, dreams.communities, dreams.memory_insights,
    dreams.cycle_changes
"""


def waiting(connection: Connection) -> Sequence[UUID]:
    """Memories deleted since the last whole cycle, as far as is known now."""
    return [UUID(str(memory_id)) for (memory_id,) in connection.execute("select memory_id from dreams.forgotten")]


def rewrite(cache: Path) -> None:
    """Writes a DuckDB file anew: what was deleted from its tables is in its free blocks until then."""
    fresh = cache.with_suffix(f"{cache.suffix}.fresh")
    fresh.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach {path_in_sql(cache)} as kept (read_only)")
        connection.execute(f"attach {path_in_sql(fresh)} as fresh")
        connection.execute("copy from database kept to fresh")
    fresh.replace(cache)


def forget(connection: Connection, gone: Sequence[UUID]) -> None:
    """Takes memories out of the history of cycles, whatever is deleted out of the files of the lexical index.

    The planner's statistics, which quote what stands in tables, are taken anew.
    """
    connection.execute("select dreams.forget_queries(%s)", (list(gone),))
    connection.execute("select dreams.forget_leftovers(%s)", (list(gone),))
    connection.execute(ANALYZE)
    folder = folder_of(connection)
    if folder.exists():
        index = LexicalIndex(folder)
        index.renew(connection)
        index.close()
