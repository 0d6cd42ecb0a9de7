"""Embeds the tags of each memory, whatever their order; memories with the same tags share one vector."""

import ollama

from ingest.vectors.embed import REQUEST_TEXTS, document_vectors
from memories.embedding.vectors import padded
from memories.postgres.database import Connection

WAITING = """
select tag_text, array_agg(id) as ids
from (
    select m.id, (select string_agg(distinct t, ', ' order by t) from unnest(m.tags) as t) as tag_text
    from public.memories as m
    where cardinality(m.tags) > 0 and m.tag_embedding is null and m.embedding_model = %s
) as tagged
where tag_text <> ''
group by tag_text order by tag_text
"""

WRITE = """
update public.memories set tag_embedding = %s::vector, tag_embedding_updated = clock_timestamp() at time zone 'UTC'
where id = any(%s)
"""


def embed_tags(connection: Connection, client: ollama.Client, model: str) -> int:
    """Fills tag_embedding where there are tags and no vector yet; returns how many sets of tags were embedded.

    Raises ModelUnreachable as `embed` does; the next run tries again what failed.
    """
    waiting, embedded = connection.execute(WAITING, (model,)).fetchall(), 0
    for start in range(0, len(waiting), REQUEST_TEXTS):
        batch = waiting[start : start + REQUEST_TEXTS]
        vectors, _ = document_vectors(client, model, [str(text) for text, _ in batch])
        with connection.transaction():
            connection.cursor().executemany(
                WRITE, [(padded(vector), batch[place][1]) for place, vector in vectors.items()]
            )
        embedded += len(vectors)
    return embedded
