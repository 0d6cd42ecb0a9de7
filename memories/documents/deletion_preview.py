"""Counts the rows that deleting a memory would remove, part by part."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from memories.documents.memoir import document_rows, memoir
from memories.postgres.database import Connection
from memories.records import Memoir

# Mirrors the trigger dreams.on_memory_deleted; an annotation is deleted when no other memory has its content.
COUNTS = """
with rows as (select * from public.memories where id = any(%(rows)s)),
hashes as (
    select content_hash from rows except select content_hash from public.memories where id <> all(%(rows)s)
)
select 'memory rows' as part, count(*) as rows from rows
union all select 'other documents that say the same', count(*) from dreams.occurrences
    where memory_id = any(%(rows)s) and document_id <> memory_id
union all select 'vectors', count(embedding_vector) + count(tag_embedding) + (
    select count(*) from dreams.passages where memory_id = any(%(rows)s)
) from rows
union all select 'events', count(*) from dreams.recall_events where memory_id = any(%(rows)s)
union all select 'earlier versions', count(*) from dreams.memory_versions
    where memory_id = any(%(rows)s) or document_id = any(%(rows)s)
union all select 'annotations', count(*) from dreams.annotations where content_hash in (select content_hash from hashes)
union all select 'embedding failures', count(*) from dreams.embedding_failures where memory_id = any(%(rows)s)
union all select 'states', count(*) from dreams.memory_states where memory_id = any(%(rows)s)
union all select 'edges', count(*) from dreams.edge_states where memory_a = any(%(rows)s) or memory_b = any(%(rows)s)
union all select 'places in episodes', count(*) from dreams.episode_members where memory_id = any(%(rows)s)
union all select 'slots of working memory', count(*) from dreams.attention_slots where memory_id = any(%(rows)s)
union all select 'insights', count(*) from dreams.memory_insights where related_memories && %(rows)s
union all select 'recorded differences', count(*) from dreams.cycle_changes
    where before is not null and memory_ids && %(rows)s
"""


@dataclass(frozen=True, slots=True)
class Forgettable:
    """A memory, and how many rows of each part its deletion would remove."""

    memory: Memoir
    rows: Mapping[str, int]


def forgettable(connection: Connection, memory_id: UUID) -> Forgettable:
    """Counts what deleting a row's document would remove. Raises NotFound when there is no such row."""
    memory = memoir(connection, memory_id)
    rows = list(document_rows(connection, memory_id))
    counted = connection.execute(COUNTS, {"rows": rows}).fetchall()
    return Forgettable(memory, {str(part): int(str(count)) for part, count in counted if count})
