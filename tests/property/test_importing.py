"""After any sequence of imports, a store holds each document as its source gave it last.

IMPORTS=2000 tries that many random histories, new ones each time; the default is a few fixed ones.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.loading.load import load
from memories.documents.chunk import chunk
from memories.documents.memoir import memoirs
from memories.documents.write import content_hash
from memories.postgres.database import Connection, connect
from memories.records import Document, Event
from tests.conftest import name_of, new_database

IMPORTS = os.environ.get("IMPORTS")
WHOLE = 1000
WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
LONG = "\n\n".join(f"Section {number}. The pump house log, kept by hand since the flood. " * 12 for number in range(22))
PARTS = [part.text for part in chunk(LONG)]
TEXTS = [
    *(f"Draft {number}." for number in range(5)),
    LONG, LONG + "It ends so.", LONG + "It ends otherwise.", LONG[:9_000], *PARTS,
]  # fmt: skip
TABLES = ("public.memories", "dreams.occurrences", "dreams.recall_events", "dreams.memory_versions")

a_date = st.none() | st.builds(lambda days: WHEN + timedelta(days=days), st.integers(-3, 3))
a_document = st.builds(
    Document,
    source=st.sampled_from(["notes", "notes", "chat"]),
    native_id=st.sampled_from("abcde"),
    content=st.sampled_from(TEXTS[:5]) | st.sampled_from(TEXTS),
    context=st.sampled_from(["", "here", "there"]),
    tags=st.lists(st.sampled_from(["x", "y", "z"]), unique=True, max_size=2),
    metadata=st.dictionaries(st.sampled_from(["mood", "place"]), st.integers(0, 1), max_size=1),
    created_at=a_date,
    updated_at=a_date,
)
an_event = st.builds(
    lambda source, memory, number: Event(source, f"pin:{number}", memory, "pinned", WHEN + timedelta(hours=number)),
    st.sampled_from(["notes", "chat"]),
    st.sampled_from("abcde"),
    st.integers(0, 20),
)
# A state of a source; a log contains a document several times, its latest state last.
a_state = st.tuples(st.lists(a_document, max_size=6), st.lists(an_event, max_size=2), st.sampled_from([1, 2, WHOLE]))


@pytest.fixture(scope="module")
def connection(server: str, migrated_template: str) -> Iterator[Connection]:
    """A connection to a store; each example is rolled back."""
    url = new_database(server, migrated_template)
    with connect(url, autocommit=True) as opened:
        yield opened
    with psycopg.connect(server, autocommit=True) as other:
        other.execute(f"drop database {name_of(url)} with (force)")


@settings(
    max_examples=int(IMPORTS or 10),
    derandomize=IMPORTS is None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(states=st.lists(a_state, min_size=1, max_size=4))
def test_a_store_says_what_its_sources_said_last(
    connection: Connection, states: Sequence[tuple[Sequence[Document], Sequence[Event], int]]
) -> None:
    said: dict[UUID, Document] = {}
    events: dict[UUID, UUID] = {}
    with connection.transaction(force_rollback=True):
        for documents, happened, size in states:
            latest = {document.id: document for document in documents}
            # A log of edits is loaded whole: in parts, each part would count as the latest state.
            log = [replace(document, created_at=latest[document.id].created_at) for document in documents]
            records = [*(log if size == WHOLE else latest.values()), *happened]
            for start in range(0, len(records), size):
                batch = records[start : start + size]
                assert load(connection, batch, dry_run=True).as_dict() == load(connection, batch).as_dict()
            said |= {key: _dated(document, said.get(key)) for key, document in latest.items()}
            events |= {event.id: event.memory_id for event in happened if event.memory_id in said}
            before = _tables(connection)
            for start in range(0, len(records), size):
                assert load(connection, records[start : start + size]).rows_changed == 0
            assert _tables(connection) == before
            assert _documents(connection) == {key: _as_said(document) for key, document in said.items()}
            assert _pins(connection) == events
            _check_rows(connection, said)


def _dated(document: Document, before: Document | None) -> Document:
    """A document without a date keeps its earlier one."""
    return replace(document, created_at=document.created_at or (before and before.created_at))


def _as_said(document: Document) -> tuple[object, ...]:
    metadata = {**document.metadata, "source": document.source}
    return (content_hash(document.content), document.context, list(document.tags), metadata, document.created_at)


def _documents(connection: Connection) -> Mapping[UUID, tuple[object, ...]]:
    """What the store holds of each document, by id; without a date if none was given."""
    names = dict(connection.execute("select id, memory_id from dreams.memory_names").fetchall())
    occurrences = {
        row[0]: row[1:]
        for row in connection.execute("select document_id, context, tags, metadata, created_at from dreams.occurrences")
    }
    wholes = memoirs(connection, set(names.values()))
    heads = {whole.id for whole in wholes.values()}
    found = {}
    for key, memory_id in names.items():
        if memory_id not in heads:
            continue
        whole = wholes[memory_id]
        own = (whole.context, list(whole.tags), dict(whole.metadata), whole.created_at)
        context, tags, metadata, created_at = occurrences.get(key, own)
        is_dated = abs(created_at - WHEN) < timedelta(days=30)
        found[key] = (content_hash(whole.content), context, tags, metadata, created_at if is_dated else None)
    return found


def _check_rows(connection: Connection, said: Mapping[UUID, Document]) -> None:
    """Each text is stored once, with the tags of all documents that have it, and hashes are right."""
    rows = connection.execute("select id, content, content_hash, tags, chunk_index from public.memories").fetchall()
    assert len({row[2] for row in rows}) == len(rows)
    for memory_id, content, hashed, tags, chunk_index in rows:
        assert hashed == content_hash(content)
        if chunk_index is None:
            assert set(tags) == {tag for each in said.values() if each.content == content for tag in each.tags}
            assert memory_id in said
    wrong = "select from dreams.memory_versions where content_hash <> encode(sha256(content::bytea), 'hex')"
    assert connection.execute(wrong).rowcount == 0


def _pins(connection: Connection) -> Mapping[UUID, UUID]:
    """The document of each pin, which is on the memory that holds the document's text."""
    return dict(
        connection.execute(
            "select e.event_id, n.id from dreams.recall_events as e"
            " inner join dreams.memory_names as n on n.id = coalesce(e.document_id, e.memory_id)"
            " and n.memory_id = e.memory_id where e.kind = 'pinned'"
        ).fetchall()
    )


def _tables(connection: Connection) -> Mapping[str, object]:
    return {
        name: connection.execute(f"select md5(string_agg(t::text, '' order by t::text)) from {name} as t").fetchone()
        for name in TABLES
    }
