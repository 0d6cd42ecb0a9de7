"""Records an assistant's citations of memories as `cited` recall events."""

from collections.abc import Iterable

from memories.postgres.database import Connection
from memories.quoting.quotation import CITATION
from memories.records import Document, identity

# A citation gives the first eight characters of an id; one that matches two memories is ignored.
CITED = """
insert into dreams.recall_events (event_id, memory_id, kind, occurred_at)
select c.event_id, min(m.memory_id::text)::uuid, 'cited', c.occurred_at
from unnest(%s::uuid [], %s::text [], %s::timestamptz []) as c (event_id, beginning, occurred_at)
inner join dreams.memory_names as m
    on m.id between (c.beginning || '-0000-0000-0000-000000000000')::uuid
        and (c.beginning || '-ffff-ffff-ffff-ffffffffffff')::uuid
group by c.event_id, c.occurred_at
having count(distinct m.memory_id) = 1
on conflict (event_id) do nothing
"""


def record_citations(connection: Connection, documents: Iterable[Document]) -> int:
    """Records the citations in dated assistant documents, each once per document; returns how many were new."""
    found = [
        (identity(document.source, f"event:cited:{document.native_id}:{beginning}"), beginning, date)
        for document in documents
        if document.metadata.get("role") == "assistant" and (date := document.updated_at or document.created_at)
        for beginning in dict.fromkeys(CITATION.findall(document.content))
    ]
    if not found:
        return 0
    return connection.execute(CITED, [list(column) for column in zip(*found, strict=True)]).rowcount
