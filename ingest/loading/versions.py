"""Writes the earlier versions of memories that an exported store brings."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from memories.documents.write import content_hash
from memories.postgres.database import Connection
from memories.records import Version

INSERT = """
insert into dreams.memory_versions
    (memory_id, version, content, content_hash, context, summary, tags, metadata, valid_until, document_id)
select %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
where exists (select from dreams.memory_names where id = any(%s))
on conflict do nothing
"""


def record_versions(connection: Connection, versions: Sequence[Version]) -> None:
    """Writes each version once, if its memory, or the one it belongs to, is in the store."""
    if versions:
        connection.cursor().executemany(INSERT, [_values(version) for version in versions])


def _values(version: Version) -> Sequence[object]:
    said = version.document
    return (
        said.id, version.number, said.content, content_hash(said.content), said.context, said.summary, list(said.tags),
        Jsonb(said.metadata), version.valid_until, version.belongs_to, [said.id, version.belongs_to or said.id],
    )  # fmt: skip
