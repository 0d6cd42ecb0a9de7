"""The share of questions in a memory is computed by the table itself, for any writer."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from benchmarks.load import CODEX_3_UPSERT
from memories.documents.write import content_hash, store
from memories.postgres.database import connect
from memories.records import Document
from tests.codex import values

PARTS_THAT_ASK = [
    ("How are you?", 1),
    ("I am fine. And you?", 1 / 2),
    ("One. Two! Three?", 1 / 3),
    ("Really?! Yes.", 1 / 2),
    ("What!? Really??? No...", 2 / 3),
    ("Why?\nBecause.\n", 1 / 2),
    ('He asked "why?" and left.', 1 / 2),
    ("(Are you there?) Yes.", 1 / 2),
    ("„Wer?“ Ich.", 1 / 2),
    ("**Why?** Because.", 1 / 2),
    ("What is 3.14?", 1),
    ("你好吗？我很好。", 1 / 2),
    ("كيف حالك؟ بخير.", 1 / 2),
    ("यह क्या है? नदी है।", 1 / 2),
    ("Is it yours? [image: a photo of a lake]", 1),
    ("Look at this! [image: a dog]", 0),
    ("See https://example.org/find?q=1&r=2 for it.", 0),
    ("https://example.org/find?q=1", 0),
    ("no end", 0),
    ("", 0),
]
TEXTS = st.text(st.sampled_from("ab ?？؟.!。…\"'”)】」*\n"), max_size=60)


@pytest.fixture
def connection(store_url: str) -> Connection:
    with connect(autocommit=True) as opened:
        yield opened


def insert(connection: Connection, contents: Sequence[str]) -> Mapping[str, float]:
    connection.cursor().executemany(CODEX_3_UPSERT, [values(content) for content in contents])
    return dict(connection.execute("select content, asking from memories").fetchall())


def store_row(connection: Connection, content: str) -> object:
    return connection.execute(CODEX_3_UPSERT, values(content)).fetchone()[0]


def asking(connection: Connection, memory_id: object) -> float:
    return connection.execute("select asking from memories where id = %s", (memory_id,)).fetchone()[0]


def test_it_is_the_part_of_sentences_that_are_questions(connection: Connection) -> None:
    found = insert(connection, [content for content, _ in PARTS_THAT_ASK])
    assert found == {content: pytest.approx(part) for content, part in PARTS_THAT_ASK}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=20, max_size=40, unique=True))
def test_it_is_a_part_whatever_the_text(connection: Connection, contents: Sequence[str]) -> None:
    found = insert(connection, contents)
    assert all(0 <= part <= 1 for part in found.values())
    assert all(not part for content, part in found.items() if not set("?？؟") & set(content))


def test_it_follows_an_edit_and_nobody_sets_it(connection: Connection) -> None:
    memory_id = store(connection, Document("test", "1", "Is the boat dry?"))
    assert asking(connection, memory_id) == 1
    connection.execute("update memories set tags = '{boat}', updated_at = now() where id = %s", (memory_id,))
    assert asking(connection, memory_id) == 1
    edit = "update memories set content = %s, content_hash = %s, updated_at = now() where id = %s"
    connection.execute(edit, ("The boat is dry.", content_hash("The boat is dry."), memory_id))
    assert asking(connection, memory_id) == 0
    assert connection.execute("delete from memories where id = %s", (memory_id,)).rowcount == 1


def test_a_very_long_content_is_stored_and_its_beginning_counts(connection: Connection) -> None:
    for content, part in (("你好吗？" * 850_000, 1), ("a" * 1_000_000 + " Why?", 0)):
        assert asking(connection, store_row(connection, content)) == part
