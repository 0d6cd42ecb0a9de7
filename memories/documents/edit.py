"""Edits a memory in place, whatever number of rows it has before and after.

Its id stays, and with it everything learnt about it; triggers keep the previous version.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg

from memories.documents.chunk import Chunk, chunk
from memories.documents.memoir import document_rows, memoir
from memories.documents.storable import check_metadata, check_text
from memories.documents.write import (
    ATTEMPTS,
    BUSY,
    INSERT,
    MemoryRow,
    content_hash,
)
from memories.errors import ContentTaken, InputError, StoreError
from memories.postgres.database import Connection
from memories.records import Memoir

LOCK = "select id from public.memories where id = any(%s) order by id for update"

# A change of metadata alone does not count as remembering: only changes to what a person wrote move the date.
UPDATE = """
update public.memories set
    content = %(content)s, content_hash = %(content_hash)s, context = %(context)s, summary = %(summary)s,
    tags = %(tags)s, metadata = %(metadata)s, chunk_index = %(chunk_index)s, total_chunks = %(total_chunks)s,
    parent_id = %(parent_id)s,
    updated_at = case
        when
            (content, context, summary, tags)
            is distinct from (%(content)s, %(context)s, %(summary)s, %(tags)s::text[])
            then greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        else updated_at
    end
where id = %(id)s
"""

# Several documents may share one content; an edit applies to the one that has the id of the memory.
SAY = """
update dreams.occurrences set
    context = %(context)s, summary = %(summary)s, tags = %(tags)s, metadata = %(metadata)s
where document_id = %(id)s
"""

# Deletes the surplus rows of a document that becomes shorter, keeping the last version of each.
SHRINK = """
with surplus as (delete from public.memories where id = any(%s) returning *)
insert into dreams.memory_versions
    (memory_id, version, content, content_hash, context, summary, tags, metadata, valid_until)
select
    s.id, 1 + (select count(*) from dreams.memory_versions as v where v.memory_id = s.id), s.content, s.content_hash,
    s.context, s.summary, s.tags, s.metadata, clock_timestamp()
from surplus as s
"""

# While chunks trade places, two rows may briefly have the same content: temporary hashes keep them unique, and
# SET_RIGHT restores the hashes in the versions kept meanwhile.
SET_ASIDE = "update public.memories set content_hash = 'edited ' || id where id = any(%s)"
SET_RIGHT = """
update dreams.memory_versions set content_hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')
where memory_id = any(%s) and content_hash = 'edited ' || memory_id
"""

DATE = "update public.memories set updated_at = %(updated_at)s where id = any(%(ids)s)"


@dataclass(frozen=True, slots=True)
class MemoryChanges:
    """The fields to change; None leaves a field as it is."""

    content: str | None = None
    context: str | None = None
    summary: str | None = None
    tags: Sequence[str] | None = None
    metadata: Mapping[str, object] | None = None


def edit(connection: Connection, memory_id: UUID, changes: MemoryChanges) -> Memoir:
    """Edits a memory and returns the result.

    Raises NotFound when it does not exist, ContentTaken when another memory has exactly the new content, InputError
    when the new content is empty or cannot be kept, and StoreError when other writers keep changing the same content.
    """
    _check(changes)
    for _ in range(ATTEMPTS):
        try:
            with connection.transaction():
                rows = list(document_rows(connection, memory_id))
                connection.execute(LOCK, (rows,))
                before = memoir(connection, memory_id)
                if changed := _changed(before, changes):
                    _write(connection, rows, changed)
                return memoir(connection, before.id)
        except psycopg.errors.UniqueViolation:
            # Another writer stored it between our check and our edit: the next check finds it.
            continue
    raise StoreError(BUSY)


def cut_again(connection: Connection, memory_id: UUID, taken: Set[str]) -> None:
    """Re-chunks a document so that no chunk is one of `taken`. Not an edit: it records no event and no version."""
    rows = list(document_rows(connection, memory_id))
    if len(rows) == 1:
        return
    connection.execute(LOCK, (rows,))
    whole = memoir(connection, memory_id)
    connection.execute("select set_config('dreams.cutting_again', 'on', true)")
    _write(connection, rows, whole, taken)
    connection.execute(DATE, {"ids": list(document_rows(connection, memory_id)), "updated_at": whole.updated_at})
    connection.execute("select set_config('dreams.cutting_again', 'off', true)")


def _check(changes: MemoryChanges) -> None:
    if changes.content is not None and not changes.content.strip():
        raise InputError("the memory would be empty: give some content, or forget it")
    check_text(changes.content or "", changes.context or "", changes.summary or "", *(changes.tags or ()))
    check_metadata(changes.metadata or {})


def _changed(before: Memoir, changes: MemoryChanges) -> Memoir | None:
    """The memory after the changes; None when they change nothing."""
    source = {name: before.metadata[name] for name in ("source",) if name in before.metadata}
    after = Memoir(
        id=before.id,
        content=before.content if changes.content is None else changes.content,
        context=before.context if changes.context is None else changes.context,
        summary=before.summary if changes.summary is None else changes.summary,
        tags=before.tags if changes.tags is None else list(changes.tags),
        metadata=before.metadata if changes.metadata is None else {**source, **changes.metadata},
        created_at=before.created_at,
        updated_at=before.updated_at,
        total_chunks=before.total_chunks,
    )
    return None if after == before else after


def _write(connection: Connection, rows: Sequence[UUID], after: Memoir, taken: Set[str] = frozenset()) -> None:
    """Writes the chunks to the existing rows, in order; deletes surplus rows and inserts missing ones."""
    chunks = _chunks(connection, rows, after.content, taken)
    written = _rows(after, rows, chunks, _parent(connection, rows[0]))
    if len(rows) > len(written):
        connection.execute("select set_config('dreams.shrinking_document', 'on', true)")
        connection.execute(SHRINK, (list(rows[len(written) :]),))
        connection.execute("select set_config('dreams.shrinking_document', 'off', true)")
    kept = [row.id for row in written[: len(rows)]]
    trading = len(kept) > 1
    if trading:
        connection.execute(SET_ASIDE, (kept,))
    connection.cursor().executemany(UPDATE, [row.values() for row in written[: len(rows)]])
    if trading:
        connection.execute(SET_RIGHT, (kept,))
    connection.cursor().executemany(INSERT, [row.values() for row in written[len(rows) :]])
    connection.execute(SAY, written[0].values())


def _rows(after: Memoir, ids: Sequence[UUID], chunks: Sequence[Chunk], parent_id: UUID | None) -> Sequence[MemoryRow]:
    whole = len(chunks) == 1
    row_ids = [*ids, *(uuid4() for _ in chunks[len(ids) :])]
    return [
        MemoryRow(
            id=row_id,
            document_id=after.id,
            content=part.text,
            content_hash=content_hash(part.text),
            context=after.context,
            summary=after.summary,
            tags=after.tags,
            metadata={**after.metadata, **({} if whole else part.place())},
            chunk_index=None if whole else number,
            total_chunks=None if whole else len(chunks),
            parent_id=None if whole else parent_id or after.id,
            created_at=after.created_at,
            updated_at=None,
        )
        for number, (row_id, part) in enumerate(zip(row_ids, chunks, strict=False), 1)
    ]


def _parent(connection: Connection, memory_id: UUID) -> UUID | None:
    found = connection.execute("select parent_id from public.memories where id = %s", (memory_id,)).fetchone()
    return UUID(str(found[0])) if found and found[0] else None


def _chunks(connection: Connection, rows: Sequence[UUID], content: str, taken: Set[str]) -> Sequence[Chunk]:
    """Splits content so that it shares no chunk with another document: contents are unique in the store.

    Raises ContentTaken when another memory has exactly this content and it is a single chunk.
    """
    while True:
        chunks = chunk(content, taken)
        found = connection.execute(
            "select id, content from public.memories where content_hash = any(%s) and id <> all(%s)",
            ([content_hash(part.text) for part in chunks], list(rows)),
        ).fetchall()
        if not found:
            return chunks
        if len(chunks) == 1:
            raise ContentTaken(f"another memory ({found[0][0]}) says exactly this: edit that one, or forget it first")
        others = {str(text) for _, text in found}
        if others <= taken:
            raise StoreError(BUSY)
        taken = taken | others
