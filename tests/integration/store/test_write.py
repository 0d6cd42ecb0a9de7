"""The store works for Codex, keeps versions and events, and forgets for good."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from benchmarks.load import CODEX_3_UPSERT
from memories.documents.write import (
    content_hash,
    find,
    forget,
    pin,
    store,
)
from memories.errors import InputError, StoreUnreachable, StoreUnsuitable
from memories.postgres.database import connect
from memories.postgres.migrate import migrate, pending
from memories.records import Document
from tests.codex import CODEX_2_TABLE, CODEX_2_UPSERT, CODEX_3_INDEXES, CODEX_3_TABLE, values


def kinds(connection: psycopg.Connection, memory_id: object) -> list[str]:
    rows = connection.execute(
        "select kind from dreams.recall_events where memory_id = %s order by occurred_at, recorded_at", (memory_id,)
    )
    return [kind for (kind,) in rows]


@pytest.mark.parametrize("prefix", ["idx_memories", "codex"])
def test_codexs_indexes_are_not_there_twice(empty_url: str, prefix: str) -> None:
    """Indexes with Codex's names are not created again; those with other names replace ours."""
    columns = "array_agg((indkey::text, indoption::text, pg_get_expr(indpred, indrelid)))"
    twice = (
        f"select {columns} from pg_index where indrelid = 'memories'::regclass and indexprs is null"
        " group by indkey::text, indoption::text, pg_get_expr(indpred, indrelid), indclass::text having count(*) > 1"
    )
    migrate(empty_url)
    with connect(empty_url, autocommit=True) as connection:
        for _ in range(2):
            connection.execute(CODEX_3_INDEXES.format(prefix=prefix).encode())
            if prefix == "idx_memories":
                assert connection.execute(twice.encode()).fetchall() == []
            migrate(empty_url)
            assert connection.execute(twice.encode()).fetchall() == []
        first = connection.execute(CODEX_3_UPSERT, values("the tide turns at noon")).fetchone()
        assert connection.execute(CODEX_3_UPSERT, values("the tide turns at noon")).fetchone() == first


def test_migrations_run_twice_and_change_nothing_the_second_time(empty_url: str) -> None:
    assert migrate(empty_url)
    assert migrate(empty_url) == []
    assert pending(empty_url) == []


@pytest.mark.parametrize("table", [None, CODEX_3_TABLE], ids=["our table", "a table of Codex 3"])
def test_statements_of_codex_3(empty_url: str, table: str | None) -> None:
    with connect(empty_url) as connection:
        if table:
            connection.execute(table)
            connection.execute(CODEX_3_UPSERT, values("from before"))
    migrate(empty_url)
    with connect(empty_url) as connection:
        first = connection.execute(CODEX_3_UPSERT, values("the tide turns at noon")).fetchone()
    with connect(empty_url) as connection:
        second = connection.execute(CODEX_3_UPSERT, values("the tide turns at noon", "the harbour office")).fetchone()
        assert first == second
        assert kinds(connection, first[0]) == ["created", "upserted"]
        kept = connection.execute("select details from dreams.recall_events where kind = 'upserted'").fetchone()
        assert kept[0]["context"] == "a walk"
        connection.execute("update memories set summary = 'tide', updated_at = now() where id = %s", (first[0],))
        connection.execute("delete from memories where id = %s", (first[0],))
        assert kinds(connection, first[0]) == []
        created = connection.execute("select count(*) from dreams.recall_events where kind = 'created'").fetchone()
        assert created == (1 if table else 0,)


def test_statements_of_codex_2(empty_url: str) -> None:
    with connect(empty_url) as connection:
        connection.execute(CODEX_2_TABLE)
        connection.execute(CODEX_2_UPSERT, values("kept twice", "here"))
        connection.execute(CODEX_2_UPSERT, values("kept twice", "there"))
    migrate(empty_url)
    with connect(empty_url) as connection:
        again = connection.execute(CODEX_2_UPSERT, values("kept twice", "there")).fetchone()
        assert kinds(connection, again[0]) == ["created", "upserted"]
        assert connection.execute("select count(*) from memories").fetchone() == (2,)
        connection.execute("delete from memories where id = %s", (again[0],))
        assert connection.execute("select count(*) from memories").fetchone() == (1,)


def test_a_fingerprint_column_that_is_left_over_does_no_harm(empty_url: str) -> None:
    with connect(empty_url) as connection:
        connection.execute(CODEX_3_TABLE)
        connection.execute("alter table memories add column context_fingerprint varchar(64) not null default 'x'")
        connection.execute("alter table memories add column mood text")
    migrate(empty_url)
    with connect(empty_url) as connection:
        connection.execute(CODEX_3_UPSERT, values("one"))
        store(connection, Document("test", "1", "two"))


def test_the_table_of_codex_0_1_is_left_alone(empty_url: str) -> None:
    with connect(empty_url) as connection:
        connection.execute(
            "create table memories (id uuid primary key, content text, tier text, importance_score real)"
        )
    with pytest.raises(StoreUnsuitable, match=r"Codex 0\.1"):
        migrate(empty_url)
    with connect(empty_url) as connection:
        assert connection.execute("select to_regnamespace('dreams')").fetchone() == (None,)


def test_a_vector_that_is_filled_in_is_no_event_and_an_edit_is_a_version(store_url: str) -> None:
    with connect() as connection:
        memory_id = store(connection, Document("test", "1", "the key hangs behind the clock"))
        connection.execute(
            "update memories set embedding_vector = (select array_agg(0.036)::vector from generate_series(1, 768)),"
            " embedding_model = 'm'"
        )
        assert kinds(connection, memory_id) == ["created"]
        connection.execute(
            "update memories set content = %s, content_hash = %s",
            ("it lies under the mat", content_hash("it lies under the mat")),
        )
        assert kinds(connection, memory_id) == ["created", "edited"]
        assert connection.execute("select version, content from dreams.memory_versions").fetchall() == [
            (1, "the key hangs behind the clock")
        ]
        assert connection.execute("select embedding_vector, embedding_model from memories").fetchone() == (None, None)


def test_storing_the_same_again_is_a_reactivation(store_url: str) -> None:
    with connect() as connection:
        first = store(connection, Document("test", "1", "same words", context="then"))
    with connect() as connection:
        assert store(connection, Document("other", "9", "same words", context="now")) == first
        assert kinds(connection, first) == ["created", "upserted"]


def test_events_cannot_be_changed_or_deleted(store_url: str) -> None:
    with connect() as connection:
        store(connection, Document("test", "1", "something"))
    for statement in ("update dreams.recall_events set kind = 'cited'", "delete from dreams.recall_events"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"), connect() as connection:
            connection.execute(statement)


def test_a_long_content_is_stored_as_chunks_of_one_document(store_url: str) -> None:
    content = "\n\n".join(f"Paragraph {number} about the harbour wall. " * 20 for number in range(30))
    with connect() as connection:
        memory_id = store(connection, Document("test", "1", content))
        rows = connection.execute(
            "select id, parent_id, chunk_index, total_chunks from memories order by chunk_index"
        ).fetchall()
        assert [row[2] for row in rows] == list(range(1, len(rows) + 1))
        assert {row[1] for row in rows} == {memory_id}
        assert rows[0][0] == memory_id
        assert {row[3] for row in rows} == {len(rows)}
        assert forget(connection, memory_id) == len(rows)


def test_forgetting_leaves_a_tombstone_and_nothing_else(dreamt_url: str) -> None:
    with connect() as connection:
        row = connection.execute(
            "select s.memory_id, m.content_hash from dreams.memory_states as s join memories as m on m.id = s.memory_id"
            " join dreams.memory_insights as i on s.memory_id = any(i.related_memories)"
            " join dreams.attention_slots as a on a.memory_id = s.memory_id limit 1"
        ).fetchone()
        forget(connection, row[0])
        for table, column in {
            "public.memories": "id", "dreams.recall_events": "memory_id", "dreams.memory_versions": "memory_id",
            "dreams.attention_slots": "memory_id", "dreams.episode_members": "memory_id",
            "dreams.memory_states": "memory_id", "dreams.edge_states": "memory_a",
            "dreams.long_term_memories": "memory_id", "dreams.short_term_episodes": "memory_id",
        }.items():  # fmt: skip
            assert connection.execute(f"select count(*) from {table} where {column} = %s", (row[0],)).fetchone() == (0,)
        assert connection.execute(
            "select count(*) from dreams.memory_insights where %s = any(related_memories)", (row[0],)
        ).fetchone() == (0,)
        assert connection.execute(
            "select count(*) from dreams.annotations where content_hash = %s", (row[1],)
        ).fetchone() == (0,)
        assert connection.execute("select memory_id from dreams.tombstones").fetchall() == [(row[0],)]


def test_storing_what_was_forgotten_on_purpose_lifts_the_tombstone(store_url: str) -> None:
    with connect() as connection:
        forget(connection, store(connection, Document("test", "1", "the old address")))
        store(connection, Document("test", "1", "the old address"))
        assert connection.execute("select count(*) from dreams.tombstones").fetchone() == (0,)


def test_find_takes_the_beginning_of_an_id(store_url: str) -> None:
    with connect() as connection:
        memory_id = store(connection, Document("test", "1", "findable"))
        assert find(connection, str(memory_id)[:8]) == memory_id
        for reference in ("000000", "abc", "x' or true", "%%%%%%%%"):
            with pytest.raises(InputError):
                find(connection, reference)


def test_pins_are_events(store_url: str) -> None:
    with connect() as connection:
        memory_id = store(connection, Document("test", "1", "allergic to penicillin"))
        pin(connection, memory_id)
        pin(connection, memory_id, pinned=False)
        assert kinds(connection, memory_id) == ["created", "pinned", "unpinned"]


@pytest.mark.parametrize("content", ["", "   \n\t ", "a\0b", "lone \ud800 surrogate"])
def test_what_cannot_be_kept_is_refused_in_a_sentence(store_url: str, content: str) -> None:
    with connect() as connection, pytest.raises(InputError):
        store(connection, Document("test", "1", content))


@pytest.mark.parametrize(
    "content",
    ["'; drop table memories; --", "{{ 1 / 0 }}", "\x1b[31mred", "<script>alert(1)</script>", "x" * 10_000_000],
)
def test_whatever_a_memory_holds_is_data(store_url: str, content: str) -> None:
    with connect() as connection:
        store(connection, Document("test", "1", content))
        kept = connection.execute("select content from memories order by chunk_index limit 1").fetchone()
        assert content.startswith(kept[0])


def test_dates_from_long_ago_and_to_come_are_kept(store_url: str) -> None:
    dates = [datetime(1215, 6, 15, tzinfo=UTC), datetime.now(UTC) + timedelta(days=4000)]
    with connect() as connection:
        for number, date in enumerate(dates):
            store(connection, Document("test", str(number), f"memory {number}", created_at=date))
        assert [row[0] for row in connection.execute("select created_at from memories order by 1")] == dates


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(StoreUnreachable) as caught, connect("postgresql://me:secret@127.0.0.1:9/none"):
        pass
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_embedded_server_is_closed_to_others(server: str) -> None:
    import stat
    from pathlib import Path

    with connect(server) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        (sockets,) = connection.execute("show unix_socket_directories").fetchone()
    assert stat.S_IMODE(Path(sockets).stat().st_mode) == 0o700
