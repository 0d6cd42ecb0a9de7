"""An export read into a fresh store restores ids, sources, versions and events; sources continue from there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest import sources
from ingest.loading.load import load
from memories.documents.export import export
from memories.documents.write import forget, pin, put
from memories.memory import Memory
from memories.postgres.database import Connection, connect
from memories.records import Document, Event
from tests.conftest import new_database

WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
LONG = "\n\n".join(f"Section {number}. The pump house log, kept by hand since the flood. " * 12 for number in range(30))
VAULT = [
    Document("markdown", "v/tea.md", "Tea at four.", "v", tags=["home"], metadata={"title": "tea"}, created_at=WHEN),
    Document("markdown", "v/copy.md", "Tea at four.", "v/old", tags=["old"], created_at=WHEN - timedelta(days=9)),
    Document("markdown", "v/log.md", LONG, "v", tags=["pump"], created_at=WHEN),
    Document("git", "abc", "First commit", created_at=WHEN),
]


def lines(connection: Connection) -> list[str]:
    with connection.transaction():
        return list(export(connection))


def read(connection: Connection, exported: list[str], file: Path) -> None:
    file.write_text("".join(f"{line}\n" for line in exported), encoding="utf-8")
    loaded = load(connection, sources.read("jsonl", file))
    assert not loaded.rejected


def fill(connection: Connection) -> None:
    """Fills a store with everything that an export contains."""
    later = WHEN + timedelta(days=1)
    tea, copy, log, commit = VAULT
    load(connection, [replace(tea, content="Tea at five."), replace(log, content=LONG + "\n\nNo more."), commit])
    load(connection, [replace(each, updated_at=later) for each in VAULT])
    chunk = connection.execute("select id from memories where chunk_index = 2").fetchone()
    assert chunk is not None
    load(connection, [
        Event("markdown", "q1", tea.native_id, "listed", later, query_native_id="q", query="tea", rank=1),
        Event("markdown", "q2", log.native_id, "opened", later, query_native_id="q", query="tea", rank=4),
        Event("git", "r", commit.native_id, "reviewed", later, grade=2),
        Event("markdown", "p", copy.native_id, "pinned", later),
    ])  # fmt: skip
    connection.execute(
        "insert into dreams.recall_events (memory_id, kind, occurred_at) values (%s, 'opened', %s)", (chunk[0], later)
    )
    put(connection, Document("dreams", "x", "First commit", tags=["git"]))
    pin(connection, log.id)


def test_an_export_makes_the_same_store_again(
    store_url: str, server: str, migrated_template: str, tmp_path: Path
) -> None:
    with connect(autocommit=True) as connection:
        fill(connection)
        first = lines(connection)
    with connect(new_database(server, migrated_template), autocommit=True) as other:
        read(other, first, tmp_path / "first.jsonl")
        assert lines(other) == first
        read(other, first, tmp_path / "first.jsonl")
        assert lines(other) == first
        again = load(other, [replace(each, updated_at=WHEN + timedelta(days=1)) for each in VAULT])
        assert again.rows_changed == 0
        tea, copy, log, _ = VAULT
        edited = [replace(tea, content="Tea at six."), replace(log, content=LONG + "\n\nAnd so on.")]
        loaded = load(other, edited)
        assert (loaded.new, loaded.met_again) == (0, 0)
        said = other.execute(
            "select content from dreams.memory_versions where memory_id = %s order by version", (tea.id,)
        ).fetchall()
        assert said == [("Tea at five.",), ("Tea at four.",)]
        names = other.execute("select content from memories where id = any(%s)", ([tea.id, copy.id],)).fetchall()
        assert sorted(names) == [("Tea at four.",), ("Tea at six.",)]


def test_a_memory_forgotten_by_the_id_of_either_document_stays_forgotten(store_url: str) -> None:
    with connect(autocommit=True) as connection:
        load(connection, VAULT)
        with Memory() as memory:
            found = memory.get(VAULT[1].id)
            assert (found.id, set(found.tags)) == (VAULT[0].id, {"home", "old"})
            assert found.created_at == WHEN - timedelta(days=9)
            assert memory.forgettable(VAULT[1].id).receipt.removed["dreams.occurrences"] == 2
            memory.forget(VAULT[1].id)
        edited = [replace(each, content=f"{each.content} Or later.") for each in VAULT[:2]]
        assert load(connection, [*VAULT[:2], *edited]).rows_changed == 0
        assert connection.execute("select from dreams.occurrences").rowcount == 0
        assert load(connection, VAULT[:2], revive=True).new == 1


def test_the_other_document_keeps_the_text_when_one_is_edited(store_url: str) -> None:
    tea, copy, *_ = VAULT
    with connect(autocommit=True) as connection:
        load(connection, VAULT)
        load(connection, [Event("markdown", "p", copy.native_id, "pinned", WHEN)])
        load(connection, [replace(tea, content="Coffee at four.", updated_at=WHEN + timedelta(days=1))])
        rows = connection.execute(
            "select m.content, m.tags, m.created_at, array_agg(e.kind order by e.kind) from memories as m"
            " join dreams.recall_events as e on e.memory_id = m.id where m.id = any(%s) group by m.id order by 1",
            ([tea.id, copy.id],),
        ).fetchall()
        assert [row[:3] for row in rows] == [
            ("Coffee at four.", ["home"], WHEN),
            ("Tea at four.", ["old"], WHEN - timedelta(days=9)),
        ]
        assert "pinned" in rows[1][3] and "pinned" not in rows[0][3]
        forget(connection, tea.id)
        assert connection.execute("select from memories where id = %s", (copy.id,)).rowcount == 1


def test_what_is_stored_again_unites_its_tags(store_url: str) -> None:
    with Memory() as memory:
        memory_id = memory.store("Tea at four.", context="kitchen", tags=["home"])
        assert memory.store("Tea at four.") == memory.store("Tea at four.", tags=["tea", "home"]) == memory_id
        found = memory.get(memory_id)
        assert (found.context, list(found.tags)) == ("kitchen", ["home", "tea"])
