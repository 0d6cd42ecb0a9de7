"""Decides which row of the store holds the text of each staged document, and which rows lose theirs."""

from uuid import UUID

from memories.documents.edit import cut_again
from memories.postgres.database import Connection

# Rows that an edited document no longer has.
SURPLUS = """
insert into retired_memories (id, document_id, memory_id)
select m.id, s.document_id, s.document_id
from staged_memories as s inner join public.memories as m on m.parent_id = s.document_id
where s.id = s.document_id and s.outcome = 'edited' and not exists (select from staged_memories as t where t.id = m.id)
"""

# Documents that share the row of a document whose text changes: they keep the old text, in another row.
HEIRS = """
insert into staged_memories (
    place, id, document_id, source, native_id, content, content_hash, context, summary, tags, metadata, created_at,
    updated_at, source_hash, memory_id, outcome
)
select
    1000000 + row_number() over (order by o.created_at, o.document_id), o.document_id, o.document_id, o.source,
    o.native_id, m.content, m.content_hash, o.context, o.summary, o.tags, o.metadata, o.created_at, o.updated_at,
    o.source_hash, o.document_id, 'heir'
from staged_memories as s
inner join public.memories as m on m.id = s.id and m.content_hash <> s.content_hash
inner join dreams.occurrences as o on o.memory_id = m.id and o.document_id <> m.id
where not exists (select from staged_memories as t where t.document_id = o.document_id)
"""

# Chunks of documents that stay, whose text a staged document now says as a whole: those documents are cut again.
CHUNKS_MET = """
select m.id, array_agg(m.content) from staged_memories as s
inner join public.memories as m on m.content_hash = s.content_hash and m.total_chunks > 1
where
    s.chunk_index is null
    and not exists (select from staged_memories as t where t.id = m.id)
    and not exists (select from retired_memories as r where r.id = m.id)
group by m.id
"""

# The row of each text: one that holds it already and stays, else that of the first document that says it; documents
# that have a row come before those that have none.
PLACE = """
with places as (
    select
        s.id,
        case
            when own.content_hash = s.content_hash then s.id
            else coalesce(
                staying.id,
                first_value(s.id) over (partition by s.content_hash order by own.id is null, s.place)
            )
        end as memory_id
    from staged_memories as s
    left join public.memories as own on own.id = s.id
    left join lateral (
        select m.id from public.memories as m
        where
            m.content_hash = s.content_hash
            and not exists (
                select from staged_memories as t where t.id = m.id and t.content_hash <> s.content_hash
            )
            and not exists (select from retired_memories as r where r.id = m.id)
        order by m.id limit 1
    ) as staying on true
    where s.chunk_index is null
)
update staged_memories as s set memory_id = places.memory_id
from places where places.id = s.id and places.memory_id <> s.id
"""

DISSOLVED = """
insert into retired_memories (id, document_id, memory_id)
select s.id, s.document_id, s.memory_id
from staged_memories as s inner join public.memories as m on m.id = s.id
where s.memory_id <> s.id
"""

# A document without a date keeps the one it was given before.
DATE = """
update staged_memories as s set
    created_at = coalesce(s.created_at, known.created_at), was_created_at = known.created_at
from (
    select t.id, coalesce(o.created_at, m.created_at) as created_at
    from staged_memories as t
    left join dreams.occurrences as o on o.document_id = t.id
    left join public.memories as m on m.id = t.id
    where t.outcome <> 'new'
) as known
where known.id = s.id and known.created_at is not null
"""


def place(connection: Connection) -> None:
    """Gives each staged row the row of its text, and stages what this changes: lost rows, heirs, dates.

    Of the store it changes only documents that have a chunk with a staged text: it cuts them again, without that chunk.
    """
    connection.execute(SURPLUS)
    connection.execute(HEIRS)
    for memory_id, texts in connection.execute(CHUNKS_MET).fetchall():
        assert isinstance(texts, list)  # noqa: S101 - it is an array
        cut_again(connection, UUID(str(memory_id)), frozenset(map(str, texts)))
    connection.execute(PLACE)
    connection.execute(DISSOLVED)
    connection.execute(DATE)
