"""Classifies each staged document against the store: new, edited, unchanged, older or forgotten."""

from collections.abc import Mapping

from memories.postgres.database import Connection

# Whether a document, or all of its text, was forgotten.
FORGOTTEN = """
exists (select from dreams.tombstones as t where t.memory_id = s.document_id)
or not exists (
    select from staged_memories as c
    where
        c.document_id = s.document_id
        and not exists (select from dreams.tombstones as t where t.content_hash = c.content_hash)
)
"""

# Whether the store has all of its rows, in their current or an earlier version.
SAID_BEFORE = """
not exists (
    select from staged_memories as c
    where
        c.document_id = s.document_id
        and not exists (
            select from dreams.memory_names as n inner join public.memories as r on r.id = n.memory_id
            where n.id = c.id and r.content_hash = c.content_hash
        )
        and not exists (
            select from dreams.memory_versions as v where v.memory_id = c.id and v.content_hash = c.content_hash
        )
)
"""

# For memories without a source_hash (older than that column, or stored by a person): whether the document says the
# same, or is dated earlier.
AS_IT_IS = """
m.context = s.context and m.summary = s.summary and m.tags = s.tags and coalesce(m.metadata, '{}') @> s.metadata
and m.total_chunks is not distinct from s.total_chunks
and not exists (
    select from staged_memories as c left join public.memories as r on r.id = c.id
    where c.document_id = s.document_id and r.content_hash is distinct from c.content_hash
)
"""
DATED_BEFORE = """
case
    when m.content_hash = s.content_hash then coalesce(s.updated_at, s.created_at) < m.updated_at
    else s.updated_at is null or s.updated_at <= m.updated_at
end
"""

# A source may yield earlier versions too (a log of edits, say). A version that the store had before counts as older for
# now, and as an edit after all if the source yields nothing later of that document.
CLASSIFY = f"""
with standing as (
    select
        s.document_id,
        case
            when {FORGOTTEN} then 'forgotten'
            when m.id is null and o.document_id is null then 'new'
            when coalesce(m.source_hash, o.source_hash) = s.source_hash then 'unchanged'
            when coalesce(m.source_hash, o.source_hash) is not null
                then case when not %(is_last_word)s and {SAID_BEFORE} then 'older' else 'edited' end
            when {AS_IT_IS} then 'unchanged'
            when {DATED_BEFORE} and {SAID_BEFORE} then 'unchanged'
            else 'edited'
        end as outcome
    from staged_memories as s
    left join public.memories as m on m.id = s.id
    left join dreams.occurrences as o on o.document_id = s.id and o.memory_id <> s.id
    where s.id = s.document_id
)
update staged_memories as s set outcome = standing.outcome from standing where standing.document_id = s.document_id
"""  # noqa: S608 - of the statements above

REVIVE = """
delete from dreams.tombstones as t using staged_memories as s
where t.content_hash = s.content_hash or t.memory_id = s.document_id
"""


def revive(connection: Connection) -> None:
    """Removes the tombstones of the staged documents, so that forgotten ones come back."""
    connection.execute(REVIVE)


def classify(connection: Connection, *, is_last_word: bool) -> Mapping[str, int]:
    """Sets the outcome of each document; returns the number of staged rows by outcome.

    With `is_last_word`, the source says nothing later of these documents, so none of them is older.
    """
    connection.execute(CLASSIFY, {"is_last_word": is_last_word})
    counted = connection.execute("select outcome, count(*) from staged_memories group by 1").fetchall()
    return {str(outcome): int(str(count)) for outcome, count in counted}
