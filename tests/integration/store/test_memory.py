"""`Memory` stores, finds at once by words and meaning, reads whole, edits with history, and forgets."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Event
from uuid import UUID, uuid4

import pytest

from ingest.loading.load import load
from memories.documents.write import content_hash
from memories.embedding.vectors import Vectors
from memories.errors import (
    ContentTaken,
    InputError,
    ModelUnreachable,
    NotFound,
    StoreError,
    StoreUnreachable,
)
from memories.memory import Memory
from memories.postgres.database import connect
from memories.records import Document, Filters
from memories.settings import settings
from tests.conftest import ROOT, eventually
from tests.embedders import POISON, WordEmbedder

CHAPTERS = [f"Chapter {number} tells of the harbour wall, stone {number}. " * 80 for number in range(12)]
BOOK = "\n\n".join(CHAPTERS)


class SlowReader(WordEmbedder):
    """Embeds no long text until the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_read = Event()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        if any(len(text) > 500 for text in texts):
            assert self.may_read.wait(120)
        return super().__call__(texts)


def unreachable(texts: Sequence[str]) -> Vectors:
    raise ModelUnreachable("nothing listens")


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def memory(store_url: str, embedder: WordEmbedder) -> Iterator[Memory]:
    with Memory(embed=embedder) as opened:
        yield opened


def fetch(statement: str, *values: object) -> list[tuple[object, ...]]:
    with connect() as connection:
        return connection.execute(statement.encode(), values).fetchall()


def test_what_was_stored_is_found_at_once_by_meaning(memory: Memory) -> None:
    ids = [memory.store(f"the {word} lies in the drawer") for word in ("stapler", "passport", "thimble")]
    answer = memory.search("passport", without=["lexical"])
    assert answer.method == "full"
    assert answer.results[0].memory.id == ids[1]
    assert answer.results[0].cosine_similarity is not None


def test_the_real_model_finds_what_shares_no_word(store_url: str) -> None:
    with Memory() as memory:
        for content in ("The invoice of the plumber is due on Friday", "Violin lessons start again in autumn"):
            memory.store(content)
        cat = memory.store("A cat sleeps on the sofa")
        answer = memory.search("feline napping upon furniture")
        assert (answer.method, answer.note) == ("full", None)
        assert answer.results[0].memory.id == cat


def test_it_is_found_by_meaning_although_many_others_wait_for_their_vectors(memory: Memory) -> None:
    with connect(autocommit=True) as connection:
        load(connection, [Document("test", str(number), f"old note number {number}") for number in range(300)])
    stored = memory.store("a passport in the drawer", created_at=datetime(1999, 1, 1, tzinfo=UTC))
    assert memory.search("passport", without=["lexical"]).results[0].memory.id == stored
    assert fetch("select count(*) from memories where embedding_vector is null")[0][0] > 200


def test_vectors_come_by_themselves_after_a_store(memory: Memory) -> None:
    memory.store("one thing")
    memory.store(BOOK)
    assert eventually(lambda: fetch("select count(*) from memories where embedding_vector is null") == [(0,)], 20)
    rows = fetch("select distinct embedding_model, abs(vector_magnitude - 1) < 1e-4 from memories")
    assert rows == [(settings().embedding_model, True)]


def test_a_long_text_stalls_no_search_and_loses_nothing(store_url: str) -> None:
    embedder = SlowReader()
    with Memory(embed=embedder) as memory, ThreadPoolExecutor(8) as askers:
        boat = memory.store("the boat lies in the harbour")
        assert eventually(lambda: fetch("select count(*) from memories where embedding_vector is null") == [(0,)])
        book = memory.store(BOOK * 15)
        queries = [f"harbour wall {number}" for number in range(8)]
        answers = [asked.result(60) for asked in [askers.submit(memory.search, query) for query in queries]]
        assert all({result.memory.id for result in answer.results} == {book, boat} for answer in answers)
        assert {answer.method for answer in answers} == {"full"}
        embedder.may_read.set()
        assert eventually(lambda: fetch("select count(*) from memories where embedding_vector is null") == [(0,)])
    assert max(map(len, embedder.asked)) <= 8
    assert max(len(text) for texts in embedder.asked for text in texts) < 1_000


def test_a_store_starts_no_model(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMS_HOME", str(tmp_path))
    # At this port no sidecar of another user can listen.
    monkeypatch.setenv("SIDECAR_PORT", "1")
    settings.cache_clear()
    with Memory() as memory:
        memory.store("nobody asked for anything")
        time.sleep(0.6)
        assert not (tmp_path / "sidecar.lock").exists()
    assert fetch("select embedding_vector from memories") == [(None,)]


def test_what_cannot_be_embedded_stays_without_a_vector_and_stops_no_search(memory: Memory) -> None:
    stored = memory.store(f"a bottle of {POISON} in the drawer")
    memory.store("a bottle of milk in the drawer")
    answer = memory.search("bottle in the drawer")
    assert {result.memory.id for result in answer.results} >= {stored}
    assert answer.method == "full"
    assert fetch("select count(*) from memories where embedding_vector is null") == [(1,)]
    assert fetch("select memory_id, reason from dreams.embedding_failures") == [(stored, "400: it holds poison")]


def test_without_a_model_it_answers_by_words_and_says_so(store_url: str) -> None:
    with Memory(embed=unreachable) as memory:
        stored = memory.store("the passport lies in the drawer")
        answer = memory.search("passport")
        assert [result.memory.id for result in answer.results] == [stored]
        assert answer.method == "words"
        assert "nothing listens" in str(answer.note)
        assert memory.search("passport", words_only=True).note is None


def test_a_question_asked_twice_is_embedded_once(memory: Memory, embedder: WordEmbedder) -> None:
    for _ in range(3):
        memory.search("where is the passport")
    assert sum(texts == ["where is the passport"] for texts in embedder.asked) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"query": "  "}, "nothing to search for"),
        ({"query": "a\0b"}, "NUL"),
        ({"query": "half \ud800"}, "UTF-8"),
        ({"query": "x", "k": 0}, "not 0"),
        ({"query": "x", "k": 100_000}, "not 100000"),
        ({"query": "x", "without": ["magic"]}, "no term 'magic'"),
        ({"query": "x", "tag_weight": 2}, "from 0 to 1"),
        ({"query": "x", "filters": Filters(metadata={"when": datetime.now(UTC)})}, "JSON"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_a_sentence(
    memory: Memory, arguments: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        memory.search(**arguments)


@pytest.mark.parametrize("content", ["the very same words", BOOK], ids=["short", "long"])
def test_writers_of_the_same_new_content_get_the_same_id(memory: Memory, content: str) -> None:
    together = Barrier(6)

    def write(_: int) -> UUID:
        together.wait()
        return memory.store(content)

    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(write, range(6)))
    assert len(ids) == 1
    assert memory.get(ids.pop()).content == content


def test_writers_of_long_contents_that_share_chunks_all_succeed(memory: Memory) -> None:
    contents = [BOOK + f"\n\nThe end, as {name} tells it." for name in ("Ada", "Ben", "Cleo", "Dan")]
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(memory.store, contents))
    assert [memory.get(memory_id).content for memory_id in ids] == contents
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(memory.store, contents)) == ids


def test_a_long_content_stored_again_is_a_reactivation(memory: Memory) -> None:
    first = memory.store(BOOK, tags=["draft"])
    assert memory.store(BOOK, tags=["final"]) == first
    found = memory.get(first)
    assert (found.content, found.tags) == (BOOK, ["draft", "final"])
    kinds = fetch("select kind, count(*) from dreams.recall_events where kind <> 'opened' group by 1 order by 1")
    assert kinds == [("created", found.total_chunks), ("upserted", found.total_chunks)]


def test_metadata_given_again_adds_and_replaces_nothing(memory: Memory) -> None:
    stored = memory.store("the tide", metadata={"agent": "ada"})
    memory.store("the tide", metadata={"agent": "ben", "project": "gauge"})
    assert memory.get(stored).metadata == {"agent": "ada", "project": "gauge", "source": "dreams"}


@pytest.mark.parametrize(
    "metadata", [{"when": datetime.now(UTC)}, {"nan": float("nan")}, {"text": "a\0b"}, {"deep": ["\ud800"]}]
)
def test_metadata_that_is_no_json_is_refused(memory: Memory, metadata: dict[str, object]) -> None:
    with pytest.raises(InputError):
        memory.store("something", metadata=metadata)


def test_a_document_is_read_whole_from_any_chunk_and_by_the_beginning_of_its_id(memory: Memory) -> None:
    stored = memory.store(BOOK, metadata={"shelf": 3})
    chunks = [UUID(str(row[0])) for row in fetch("select id from memories order by chunk_index")]
    for reference in (stored, chunks[-1], str(chunks[1])[:8], str(stored).upper()):
        found = memory.get(reference)
        assert (found.id, found.content, found.total_chunks) == (stored, BOOK, len(chunks))
        assert found.metadata == {"shelf": 3, "source": "dreams"}
    with pytest.raises(NotFound):
        memory.get(uuid4())
    with pytest.raises(InputError):
        memory.get("not an id")


def test_chunks_of_codex_which_say_nothing_of_their_place_are_put_together(memory: Memory) -> None:
    parts, parent = ["The harbour wall was built of granite. ", "built of granite. It held for a century."], uuid4()
    with connect() as connection:
        for number, part in enumerate(parts, 1):
            connection.execute(
                "insert into memories (content, content_hash, context, summary, chunk_index, total_chunks, parent_id)"
                " values (%s, %s, '', '', %s, 2, %s)",
                (part, content_hash(part), number, parent),
            )
    (last,) = fetch("select id from memories where chunk_index = 2")
    found = memory.get(str(last[0]))
    assert found.content == "The harbour wall was built of granite. It held for a century."
    assert memory.get(found.id) == found


def test_an_edit_keeps_the_id_and_the_version_before(memory: Memory) -> None:
    stored = memory.store("The key hangs behind the clock", tags=["home"], metadata={"room": "hall"})
    assert memory.search("clock").results
    edited = memory.edit(stored, content="The key lies under the mat", tags=["home", "keys"])
    assert (edited.id, edited.content, edited.tags) == (stored, "The key lies under the mat", ["home", "keys"])
    assert edited.metadata == {"room": "hall", "source": "dreams"}
    assert fetch("select content from dreams.memory_versions") == [("The key hangs behind the clock",)]
    assert [result.memory.content for result in memory.search("key mat").results] == [edited.content]
    assert memory.edit(stored, metadata={"room": "porch"}).metadata == {"room": "porch", "source": "dreams"}
    kinds = [
        kind for (kind,) in fetch("select kind from dreams.recall_events where kind <> 'listed' order by recorded_at")
    ]
    assert kinds == ["created", "edited"]


def test_a_document_may_become_shorter_longer_and_change_the_order_of_its_chunks(memory: Memory) -> None:
    stored = memory.store(BOOK)
    rows = fetch("select id, content from memories order by chunk_index")
    contents = [
        "\n\n".join(CHAPTERS[:4]),
        "Only a line is left.",
        BOOK + BOOK[:9000],
        "".join(str(content) for _, content in reversed(rows)),
        BOOK,
    ]
    for content in contents:
        edited = memory.edit(stored, content=content)
        assert (edited.id, edited.content) == (stored, content)
        assert memory.get(stored).content == content
        assert fetch("select count(*) from memories") == [(edited.total_chunks,)]
    hashes = fetch(
        "select content, content_hash from memories union select content, content_hash from dreams.memory_versions"
    )
    assert all(kept == content_hash(str(content)) for content, kept in hashes)
    assert fetch("select count(*) from dreams.tombstones") == [(0,)]


def test_an_edit_that_another_memory_says_already_is_refused(memory: Memory) -> None:
    first, second = memory.store("The key hangs behind the clock"), memory.store("The key lies under the mat")
    with pytest.raises(ContentTaken, match=str(first)):
        memory.edit(second, content="The key hangs behind the clock")
    with pytest.raises(InputError, match="would be empty"):
        memory.edit(second, content=" ")
    with pytest.raises(NotFound):
        memory.edit(uuid4(), content="anything")
    assert memory.get(second).content == "The key lies under the mat"


def test_storing_what_a_memory_said_before_its_edit_is_another_memory(memory: Memory) -> None:
    stored = memory.store("The key hangs behind the clock")
    memory.edit(stored, content="The key lies under the mat")
    again = memory.store("The key hangs behind the clock")
    assert again != stored
    assert memory.get(again).content == "The key hangs behind the clock"
    assert memory.get(stored).content == "The key lies under the mat"


def test_what_would_go_is_counted_and_goes(dreamt_url: str, embedder: WordEmbedder) -> None:
    (row,) = fetch(
        "select s.memory_id, m.content_hash from dreams.memory_states as s join memories as m on m.id = s.memory_id"
        " join dreams.memory_insights as i on s.memory_id = any(i.related_memories)"
        " join dreams.attention_slots as a on a.memory_id = s.memory_id limit 1"
    )
    with Memory(embed=embedder) as memory:
        going = memory.forgettable(str(row[0]))
        assert going.memory.id == row[0]
        would_go = going.receipt.removed
        assert {"dreams.annotations", "dreams.memory_insights"} <= set(would_go)
        assert memory.get(row[0], record=False).content == going.memory.content
        assert memory.forget(row[0]) == going.receipt
        with pytest.raises(NotFound):
            memory.forgettable(row[0])
        assert row[0] not in {result.memory.id for result in memory.search(going.memory.content, 50).results}
    for condition in (
        "recall_events where memory_id = %s", "edge_states where %s in (memory_a, memory_b)",
        "episode_members where memory_id = %s", "attention_slots where memory_id = %s",
    ):  # fmt: skip
        assert would_go[f"dreams.{condition.split()[0]}"] > 0
        assert fetch(f"select from dreams.{condition}", row[0]) == []


def test_connections_that_postgres_closed_are_replaced(memory: Memory) -> None:
    memory.store("before the restart")
    with connect(autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert memory.store("after the restart")
    assert len(memory.search("restart").results) == 2


def test_a_new_store_is_ready_at_the_first_call(empty_url: str, embedder: WordEmbedder) -> None:
    with Memory(embed=embedder) as memory:
        memory.store("the first memory of all")
        assert memory.search("first").results[0].memory.content == "the first memory of all"


def test_working_memory_and_episodes_are_told_by_agent(dreamt_url: str, embedder: WordEmbedder) -> None:
    with Memory(embed=embedder) as memory:
        known = memory.context()
        assert known.working_memory[0]["content"]
        assert known.episodes[0]["title"]
        assert memory.context("").episodes == known.episodes
        assert memory.context("somebody else") == type(known)([], [])
        assert memory.statistics()["total_memories"] == fetch("select count(*) from memories")[0][0]


def test_three_lines_of_python(store_url: str) -> None:
    program = (
        "import memories\n"
        "memories.store('The spare key hangs behind the clock', tags=['home'])\n"
        "print(memories.search('clock', words_only=True).results[0].memory.content)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "The spare key hangs behind the clock\n"
    assert done.stderr == ""
    assert fetch("select kind from dreams.recall_events order by recorded_at") == [("created",), ("listed",)]


def test_the_package_alone_imports_nothing_heavy() -> None:
    program = "import memories, sys; sys.exit(bool({'psycopg', 'numpy', 'pydantic', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_a_server_that_is_held_up_is_not_taken_for_one_that_is_gone(store_url: str) -> None:
    hurried = f"{store_url}&options=-cstatement_timeout%3D200"
    with Memory(hurried, embed=unreachable) as memory, connect() as connection:
        stored = memory.store("The key of the house")
        connection.execute("lock table memories in access exclusive mode")
        with pytest.raises(StoreError, match="another program blocks Postgres") as failed:
            memory.get(stored)
        assert not isinstance(failed.value, StoreUnreachable)
