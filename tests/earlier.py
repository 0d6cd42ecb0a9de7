"""Builds stores as earlier versions left them: migrated to one version, with rows in every table that it had.

The statements are those of Codex, the loader and the cycles of the time; since then they have at most gained columns.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from ingest.annotation.rules import annotate_by_rule
from ingest.publishing.marts import MARTS
from ingest.publishing.write_back import label_clusters
from memories.documents.chunk import chunk
from memories.documents.edit import SHRINK
from memories.documents.write import content_hash
from memories.embedding.vectors import padded
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import MIGRATIONS, migrate
from memories.records import identity
from memories.settings import settings
from tests.embedders import embed

VERSIONS = [path.name for path in sorted(MIGRATIONS.glob("*.sql"))]
# Unique words of the memories that the earlier version deletes, and of those that this version deletes.
GONE, LATER = "wimbrelo", "dunlorny"
NOW = datetime.now(UTC).replace(hour=9, minute=0) - timedelta(days=2)
WEEKS = 5
LOG = " ".join(f"On day {day} {LATER.capitalize()} saw the storm {day} miles away." for day in range(500))
PARTS = [part.text for part in chunk(LOG)]
NOTES = (
    "Goal: sail the boat to Gothenburg before the autumn storms.",
    "Ola checked the keel bolts of the boat in the harbour.",
    "Do the keel bolts of the boat hold in a storm?",
    "The storm took the jetty; the boat lies in the harbour of Gothenburg.",
    "Ola lives in Gothenburg, above the harbour.",
    "Ola no longer lives in Gothenburg, she moved to Lisbon.",
)
BY_TRIGGERS = {"created", "upserted", "edited", "rehearsed"}
CYCLES = ("cycles", "cycle_changes", "nights", "processing_metrics", "learned_vectors")

# Codex 3's own statement, with an id and dates that are the same in every store.
UPSERT = """
insert into memories (id, content, content_hash, tags, context, summary, chunk_index, total_chunks, parent_id,
    created_at, updated_at)
values (%(id)s, %(content)s, %(hash)s, %(tags)s, %(context)s, '', %(chunk_index)s, %(total_chunks)s, %(parent_id)s,
    %(at)s, %(at)s)
on conflict (content_hash) do update set
    context = excluded.context, summary = excluded.summary, tags = excluded.tags, updated_at = excluded.updated_at
"""
EDIT = "update memories set content = %s, content_hash = %s, updated_at = %s where id = %s"
SHORTEN = """
update memories set content = %s, content_hash = %s, updated_at = %s,
    chunk_index = null, total_chunks = null, parent_id = null
where id = %s
"""
TAG = "update memories set tags = %s, metadata = %s, updated_at = %s where id = %s"
EMBED = """
update memories set
    embedding_vector = %(vector)s::vector, embedding_reduced = subvector(%(vector)s::vector, 1, 256),
    vector_magnitude = 1, embedding_model = %(model)s, last_embedding_update = %(at)s,
    tag_embedding = %(vector)s::vector, tag_embedding_reduced = subvector(%(vector)s::vector, 1, 256),
    tag_embedding_updated = %(at)s
where id = %(id)s
"""
KINDS = r"""
select (regexp_matches(pg_get_constraintdef(oid), '''(\w+)''', 'g'))[1] from pg_constraint
where conname = 'recall_events_kind_check'
"""
EVENT = """
insert into dreams.recall_events (memory_id, kind, grade, query_id, rank, occurred_at, details)
values (%s, %s, %s, %s, %s, %s, '{"query": "keel bolts"}')
"""
# Rows for tables that nothing below fills.
BESIDES = {
    "annotation_quarantine": "select content_hash, 'parrot', '1', 'no JSON', content from memories",
    "embedding_failures": "select id, 'parrot', 'too long: ' || content from memories",
    "snapshots": r"select gen_random_uuid(), null::uuid, 'zlib', 1, '\x00'::bytea, 'checksum'",
    "occurrences": "select id, id, 'jsonl', '1', context, summary, '{}'::text[], '{}'::jsonb, created_at, created_at"
    " from memories",
    "passages": "select id, 1, 0, 9, 'parrot', array_fill(1, array[768])::vector::halfvec from memories",
    "searches": "select gen_random_uuid(), 'when does the ferry leave?'",
    "redactions": "select 'markdown', '/notes', true",
    "recalled_texts": "select id, sha256(content::bytea), id, 1, length(content), created_at from memories",
}
UNANNOTATED = """
select distinct on (content_hash) content_hash, content from public.memories as m
where not exists (select from dreams.annotations as a where a.content_hash = m.content_hash)
"""
ANNOTATE = """
insert into dreams.annotations
    (content_hash, annotator, annotator_version, entities, topics, sentiment, task_type, gist, revises)
values (%s, 'rules', '2', %s, %s, %s, %s, %s, %s)
"""
# Earlier rules found other topics.
EARLIER_RULES = "update dreams.annotations set annotator_version = '1', topics = topics[:1]"
# Earlier models computed other figures and longer vectors, and cycles published them.
EARLIER_MODELS = """
update dreams.learned_vectors set vector = vector || array_fill(0::real, array[384]);
update dreams.memory_states set stability_days = stability_days + 1, encoding = encoding / 2;
update dreams.cycles set code_version = '0.1.0+earlier', parameters = parameters - 'contiguity_context';
insert into dreams.cycle_changes (cycle_id, relation, operation, row_key, before, memory_ids)
select c.cycle_id, 'memory_states', 'update', jsonb_build_object('memory_id', t.memory_id), to_jsonb(t),
    array[t.memory_id]
from dreams.memory_states as t, dreams.cycles as c
union all
select c.cycle_id, 'episodes', 'update', jsonb_build_object('episode_id', t.episode_id), to_jsonb(t), {members}
from dreams.episodes as t, dreams.cycles as c
"""


def fill(url: str, version: str, dreamt: str) -> None:
    """Fills a store of a version: memories and events, the cycles of the store `dreamt`, and a deletion."""
    migrate(url, until=version)
    with connect(url, autocommit=True) as connection:
        live(connection)
        with connect(dreamt) as source:
            _dream(connection, source)
        if can_delete(connection):
            forget(connection, GONE)


def live(connection: Connection) -> None:
    """Adds memories by Codex's statements, with their events, vectors, annotations and other rows."""
    # The last one, which revises another, is said in a later session.
    for number, content in enumerate(NOTES):
        days = 12 if content == NOTES[-1] else 20
        remember(connection, str(number), content, NOW - timedelta(days=days, minutes=-number))
    for word in (GONE, LATER):
        for week in range(WEEKS):
            content = f"{word.capitalize()} feeds the ferret {week} before breakfast on the quay."
            remember(connection, f"{word} {week}", content, NOW - timedelta(weeks=week), context=f"at {word}'s")
    for number, part in enumerate(PARTS, 1):
        remember(connection, f"part {number}", part, NOW - timedelta(days=9), part=number)
    remember(connection, "1", NOTES[1], NOW - timedelta(days=5), context="said again")
    if has(connection, "annotations"):
        _annotate(connection)
    for name in ("2", f"{GONE} 0", f"{LATER} 0"):
        _edit(connection, name)
    connection.execute(TAG, (["boat", "sea"], '{"project": "boat"}', NOW, id_of("3")))
    if has(connection, "recall_events"):
        _recall(connection)
    if has(connection, "memory_insights"):
        _lose_a_part(connection)
    _embed(connection)
    if has(connection, "annotations"):
        _annotate(connection)
        connection.execute(EARLIER_RULES)
    for table, rows in BESIDES.items():
        if has(connection, table):
            connection.execute(f"insert into dreams.{table} {rows}".encode())


def _annotate(connection: Connection) -> None:
    """Annotates what has no annotation as an earlier version did: it knew no passages, and an unknown feeling was 0."""
    for content_hash_of_row, content in connection.execute(UNANNOTATED).fetchall():
        found = annotate_by_rule(str(content))
        entities = Jsonb([entity.model_dump() for entity in found.entities])
        rest = (found.topics, found.sentiment or 0, found.task_type, found.gist, found.revises)
        connection.execute(ANNOTATE, (content_hash_of_row, entities, *rest))


def remember(
    connection: Connection, name: str, content: str, at: datetime, context: str = "", part: int | None = None
) -> None:
    connection.execute(
        UPSERT,
        {
            "id": id_of(name), "content": content, "hash": content_hash(content), "context": context, "at": at,
            "tags": name.split()[:1], "chunk_index": part, "total_chunks": part and len(PARTS),
            "parent_id": part and id_of("part 1"),
        },
    )  # fmt: skip


def forget(connection: Connection, word: str) -> None:
    """Deletes the memories that contain a word, as Codex does."""
    connection.execute("delete from memories where content ilike %s", (f"%{word}%",))


def ids_with(word: str) -> list[UUID]:
    """The ids of the memories that contain a word."""
    parts = [f"part {number}" for number, _ in enumerate(PARTS, 1)] if word == LATER else []
    return [id_of(name) for name in (*parts, *(f"{word} {week}" for week in range(WEEKS)))]


def id_of(name: str) -> UUID:
    return identity("earlier", name)


def can_delete(connection: Connection) -> bool:
    """False between 0001 and 0005, where the trigger exists, but not yet all the tables that it clears."""
    return has(connection, "memory_insights") or not has(connection, "recall_events")


def has(connection: Connection, table: str) -> bool:
    return connection.execute("select to_regclass(%s)", (f"dreams.{table}",)).fetchone() != (None,)


def columns_of(connection: Connection, table: str) -> list[str]:
    rows = connection.execute(
        "select quote_ident(attname) from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " and not attisdropped and attgenerated = '' order by attnum",
        (table,),
    )
    return [str(name) for (name,) in rows]


def _edit(connection: Connection, name: str) -> None:
    row = connection.execute("select content from memories where id = %s", (id_of(name),)).fetchone()
    assert row is not None
    content = f"{row[0]} So they say."
    connection.execute(EDIT, (content, content_hash(content), NOW - timedelta(hours=1), id_of(name)))


def _embed(connection: Connection) -> None:
    rows = connection.execute("select id, content from memories order by id").fetchall()
    for (memory_id, _), vector in zip(rows, embed([str(content) for _, content in rows]), strict=True):
        given = {"id": memory_id, "vector": padded(vector), "model": settings().embedding_model, "at": NOW}
        connection.execute(EMBED, given)


def _recall(connection: Connection) -> None:
    """Adds events of each kind that this version knows and does not record itself."""
    kinds = {str(kind) for (kind,) in connection.execute(KINDS)} - BY_TRIGGERS
    assert kinds
    for place, kind in enumerate(sorted(kinds)):
        at = NOW - timedelta(hours=2, minutes=-place)
        for rank, name in enumerate(("0", "1", f"{GONE} 1", f"{LATER} 1"), 1):
            grade = 3 if kind == "reviewed" else None
            connection.execute(EVENT, (id_of(name), kind, grade, id_of("query"), rank, at))


def _lose_a_part(connection: Connection) -> None:
    """Shortens the document to one line, as the loader and `edit` do."""
    content = f"Nothing is left of the log of {LATER}."
    with connection.transaction():
        connection.execute("select set_config('dreams.shrinking_document', 'on', true)")
        connection.execute(SHRINK, ([id_of(f"part {number}") for number in range(2, len(PARTS) + 1)],))
        connection.execute(SHORTEN, (content, content_hash(content), NOW, id_of("part 1")))


def _dream(connection: Connection, source: Connection) -> None:
    """Copies what the cycles of that version published and recorded."""
    for table in (*CYCLES, *MARTS):
        if has(connection, table):
            _copy(connection, source, table)
    if has(connection, "nights"):
        _copy(connection, source, "recall_events", "kind = 'rehearsed'")
    if has(connection, "memory_states"):
        label_clusters(connection, sql.Identifier("dreams", "memory_states"))
        connection.execute(EARLIER_MODELS.format(members=_members(connection)).encode())


def _members(connection: Connection) -> str:
    """SQL for the memories whose deletion takes an episode's record along: its title, and since 0011 all members."""
    return MARTS["episodes"].memories or "" if has(connection, "forgotten") else "array[t.title_memory_id]"


def _copy(connection: Connection, source: Connection, table: str, condition: str = "true") -> None:
    columns = ", ".join(columns_of(connection, f"dreams.{table}"))
    rows = f"copy (select {columns} from dreams.{table} where {condition}) to stdout"
    with (
        source.cursor().copy(rows.encode()) as given,
        connection.cursor().copy(f"copy dreams.{table} ({columns}) from stdin".encode()) as taken,
    ):
        for block in given:
            taken.write(block)
