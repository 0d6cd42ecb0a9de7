"""A deleted memory leaves no word, vector or id in any copy, whether a person deletes it or Codex does by SQL.

It leaves all tables and views of Postgres, and every search, at once. It leaves what only a cycle reaches with the next
whole cycle: the recorded differences of earlier cycles, the planner's statistics, the DuckDB file, the files of the
lexical index. The words of a search that listed it go at once; later searches, and those that did not, are kept.
"""

import re
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from pgvector import Vector

from ingest.annotation.annotate import annotate_rules
from ingest.cycle.run import (
    dream,
    enrich,
    open_cycle,
    run_cycle,
    write_back,
)
from ingest.loading.load import load
from ingest.publishing import forgetting
from ingest.settings import settings as ingest_settings
from memories.documents.export import export
from memories.documents.write import content_hash, forget, store
from memories.errors import NotFound
from memories.lexical import on_disk
from memories.lexical.index import LexicalIndex, folder_of
from memories.memory import Memory
from memories.postgres.backup import backup
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import migrate
from memories.recall import candidates
from memories.recall.candidates import Asked
from memories.recall.filters import condition
from memories.records import Document, Filters
from memories.settings import settings
from tests.codex import CODEX_2_TABLE, CODEX_2_UPSERT, values
from tests.conftest import Dreams, eventually, is_anyone_waiting
from tests.copies import KEPT_IDS, STATISTICS, files_with, places, remember
from tests.embedders import POISON, embed

PERSON, CODEX, LATE = "corvpuk", "bilcrom", "quillop"
# A community is named by the id of its first member until the next cycle computes it again.
COMMUNITIES = re.compile(r"\.(community_id|parent_id|area_id|cluster_id)$")
HISTORY = re.compile(r"^(pg_stats of |dreams\.cycle_changes\.)")


def rows_on_disk(connection: Connection, *words: str) -> list[int]:
    """How many rows of the lexical index's files contain each word, including hidden rows; there is one generation."""
    folder = folder_of(connection)
    (_,) = (path for path in folder.iterdir() if path.is_dir())
    disk = on_disk.opened(folder, check=True)
    assert disk is not None
    return [disk.frequency(word) for word in words]


def with_own_word(connection: Connection) -> dict[str, UUID]:
    """Memories of the sample, by a word of their gist that no other memory contains."""
    rows = connection.execute(
        "select m.id, lower(s.semantic_gist), lower(m::text) from memories as m"
        " join dreams.memory_states as s on s.memory_id = m.id where m.parent_id is null order by m.created_at"
    ).fetchall()
    return {
        word: memory_id
        for memory_id, gist, _ in rows
        for word in re.findall(r"[a-z]{7,}", gist)
        if sum(word in text for _, _, text in rows) == 1
    }


def rows_of(connection: Connection, memory_ids: Sequence[UUID]) -> list[UUID]:
    found = connection.execute(
        "select id from memories where id = any(%s) or parent_id = any(%s)", (memory_ids, memory_ids)
    )
    return [row for (row,) in found]


def test_nothing_is_left_of_a_deleted_memory(dreamt_url: str, dreams: Dreams, tmp_path: Path) -> None:
    words, gone, long, lost = {PERSON: [PERSON], CODEX: [CODEX]}, {}, {}, {}
    with Memory(embed=embed) as memory:
        with connect() as connection:
            (early, early_id), *_, (later, later_id) = with_own_word(connection).items()
        words[PERSON].append(early)
        words[CODEX].append(later)
        for word, sample_id in ((PERSON, early_id), (CODEX, later_id)):
            gone[word], long[word] = remember(memory, word, sample_id)
        run_cycle()
        for word, memory_ids in gone.items():
            with connect() as connection:
                gone[word] = rows_of(connection, memory_ids)
            memory.edit(long[word], content=f"Only a line of {word} is left of the chapters")
            memory.store(f"{word} is {POISON}")
            answer = memory.search(f"{word} ladder", k=30)
            assert len(answer.results) == 30
            memory.get(memory_ids[0], query_id=answer.query_id)
            gone[word] += [each.memory.id for each in answer.results if POISON in each.memory.content]
            with connect() as connection:
                lost[word] = set(gone[word]) - set(rows_of(connection, gone[word]))
            assert lost[word]
    with connect(autocommit=True) as connection:
        connection.execute("analyze")
        vectors = [
            str(vector)
            for ids in gone.values()
            for (vector,) in connection.execute(
                "select embedding_vector::text from memories where id = any(%s) and embedding_vector is not null",
                (ids,),
            )
        ]
        assert len(vectors) > 10
        for word in gone:
            found = places(connection, *words[word])
            assert found >= {
                f"public.memories.{column}" for column in ("content", "context", "summary", "tags", "metadata")
            }
            assert found >= {
                f"dreams.{place}"
                for place in (
                    "memory_versions.content", "memory_versions.context", "memory_versions.tags", "annotations.gist",
                    "annotations.topics", "annotations.entities", "annotation_quarantine.answer", "embedding_failures.reason",
                    "recall_events.details", "memory_states.semantic_gist", "memory_states.concepts", "episodes.topics",
                    "episodes.projects", "episodes.places", "episodes.people", "episode_members.people",
                    "semantic_network.concept_a", "communities.concepts", "memory_insights.insight_description",
                    "cycle_changes.row_key", "cycle_changes.before", "working_memory.content", "memory_timeline.gist",
                    "recent_episodes.people", "short_term_episodes.title", "long_term_memories.semantic_gist",
                )
            }, word  # fmt: skip
            assert any(place.startswith(STATISTICS) for place in found)
            assert ingest_settings().duckdb_file in files_with(word)
            found = places(connection, *gone[word])
            assert len(found) > 20
    every_word = [word for group in words.values() for word in group]
    every_id = [memory_id for group in gone.values() for memory_id in group]

    with Memory(embed=embed) as memory:
        memory.search(f"{PERSON} and {CODEX}")
        for memory_id in gone[PERSON]:
            try:
                memory.forget(memory_id)
            except NotFound:
                assert memory_id in lost[PERSON]
        for memory_id in gone[CODEX]:
            with connect() as connection:
                connection.execute("delete from memories where id = %s", (memory_id,))
        for query in (PERSON, CODEX, f"{PERSON} {CODEX} ladder ferret breakfast"):
            for answer in (memory.search(query, k=100), memory.search(query, k=100, words_only=True)):
                assert not {each.memory.id for each in answer.results} & set(every_id)
        for memory_id in every_id:
            for tell in (memory.get, memory.why, memory.forgettable, memory.cited):
                with pytest.raises(NotFound):
                    tell(memory_id)
    with connect(autocommit=True) as connection:
        at_once = places(connection, *every_word)
        assert {place for place in at_once if not HISTORY.match(place)} == set()
        at_once = places(connection, *every_id)
        assert {place for place in at_once if not HISTORY.match(place) and not COMMUNITIES.search(place)} <= KEPT_IDS
        connection.execute("set enable_seqscan = off")
        candidates.prepare(connection)
        for vector in vectors:
            asked = Asked(settings().embedding_model, Vector.from_text(vector), *condition(Filters(), None))
            nearest = candidates.nearest_rows(connection, asked, 100)
            assert not {UUID(bytes=row.id) for row in nearest} & set(every_id)
            assert connection.execute(
                "select count(*) from memories where embedding_vector = %s", (vector,)
            ).fetchone() == (0,)
    shown = dreams("search", f"{PERSON} {CODEX}", "--words")
    assert (shown.returncode, "feeds the ferret" in shown.stdout) == (0, False)
    assert dreams("why", str(gone[CODEX][0])).returncode == 2

    cycle_in_which_one_is_deleted()
    with connect(autocommit=True) as connection:
        assert places(connection, *every_word, LATE) == set()
        in_the_end = {place for place in places(connection, *every_id) if not place.startswith(STATISTICS)}
        assert in_the_end <= KEPT_IDS - {"dreams.forgotten.memory_id"}
        with connection.transaction():
            assert "feeds the ferret" not in "\n".join(export(connection))
    assert files_with(*every_word) == []
    backup(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        holding = [
            name for name in archive.namelist() if any(w.encode() in archive.read(name).lower() for w in every_word)
        ]
    assert holding == ["dreams.searches.copy"]


def cycle_in_which_one_is_deleted() -> None:
    """Deletes a memory while its first cycle publishes: the deletion counts."""
    with connect() as connection:
        late = store(connection, Document("test", LATE, f"{LATE} came last of all"))
    with open_cycle() as opened:
        enrich(opened)
        dream(opened)
        writing = threading.Thread(target=write_back, args=(opened,))
        with connect() as connection:
            forget(connection, late)
            writing.start()
            assert eventually(lambda: is_anyone_waiting() or not writing.is_alive())
        writing.join()
    with connect() as connection:
        assert {place for place in places(connection, late) if not HISTORY.match(place)} <= KEPT_IDS


def test_what_is_deleted_while_a_cycle_computes_is_in_nothing_that_it_publishes(dreamt_url: str) -> None:
    """Nor in rows about other memories: their episode keeps its place, under another title."""
    with connect(autocommit=True) as connection:
        (word, sample_id), *_ = with_own_word(connection).items()
        titles = connection.execute(
            "select title_memory_id from dreams.episodes where memory_count > 2 and title_memory_id <> %s"
            " order by started_at limit 5",
            (sample_id,),
        ).fetchall()
        with Memory(embed=embed) as memory:
            about, _ = remember(memory, PERSON, sample_id)
        gone = [*rows_of(connection, about), *(title for (title,) in titles)]
        with open_cycle() as opened:
            enrich(opened)
            dream(opened)
            for memory_id in [*about, *(title for (title,) in titles)]:
                forget(connection, memory_id)
            write_back(opened)
        assert {place for place in places(connection, word, PERSON) if not HISTORY.match(place)} == set()
        named = {place for place in places(connection, *gone) if not HISTORY.match(place)}
        assert {place for place in named if not COMMUNITIES.search(place)} <= KEPT_IDS
        assert connection.execute(
            "select count(*) from dreams.episode_members as m"
            " where not exists (select from dreams.episodes as e where e.episode_id = m.episode_id)"
        ).fetchone() == (0,)


def test_words_of_deleted_memories_leave_the_files_of_the_lexical_index(store_url: str) -> None:
    """They leave with the next whole cycle, or when a searching process cleans the files up."""
    with connect(autocommit=True) as connection:
        load(connection, (Document("test", str(number), f"note {number} about reeds") for number in range(1_100)))
        both = [store(connection, Document("test", word, f"only {word} knows")) for word in (PERSON, CODEX)]
        index = LexicalIndex(folder_of(connection))
        index.catch_up(connection)
        assert rows_on_disk(connection, PERSON, CODEX) == [1, 1]
        forget(connection, both[0])
        connection.execute("delete from memories where id = %s", (both[1],))
        index.catch_up(connection)
        assert index.search({PERSON: 1.0, CODEX: 1.0}, 10) == {}
        assert rows_on_disk(connection, PERSON, CODEX) == [1, 1]
        forgetting.forget(connection, forgetting.waiting(connection))
        assert rows_on_disk(connection, PERSON, CODEX) == [0, 0]
        assert files_with(PERSON, CODEX) == []
        index.catch_up(connection)
        assert index.row_count == 1_100
        assert [index.row_frequency(word) for word in (PERSON, CODEX)] == [0, 0]
        assert len(index.search({"reed": 1.0}, 2_000)) == 1_100


def test_what_is_written_of_a_memory_while_it_is_deleted_goes_with_the_next_cycle(store_url: str) -> None:
    """An annotator does not see a deletion that is not committed yet."""
    with connect() as connection:
        kept, memory_id = (store(connection, Document("test", word, f"{word} was here")) for word in ("nobody", PERSON))
        content = content_hash(f"{PERSON} was here")
    with connect() as deleting, connect(autocommit=True) as connection:
        forget(deleting, memory_id)
        annotate_rules(connection)
        connection.execute(
            "insert into dreams.embedding_failures (memory_id, embedding_model, reason) values (%s, 'm', %s)",
            (memory_id, PERSON),
        )
        connection.execute(
            "insert into dreams.recall_events (memory_id, kind, occurred_at) values (%s, 'listed', now())", (memory_id,)
        )
    with connect(autocommit=True) as connection:
        assert "dreams.annotations.gist" in places(connection, PERSON)
        forgetting.forget(connection, forgetting.waiting(connection))
        assert places(connection, PERSON) == set()
        assert places(connection, memory_id) == {"dreams.tombstones.memory_id", "dreams.content_changes.memory_id"}
        assert places(connection, content) == {"dreams.tombstones.content_hash"}
        assert "dreams.recall_events.memory_id" in places(connection, kept)
        assert forgetting.waiting(connection) == []


def test_all_are_forgotten_when_the_table_is_emptied(store_url: str) -> None:
    with connect(autocommit=True) as connection:
        store(connection, Document("test", "1", f"{PERSON} was here"))
        annotate_rules(connection)
        connection.execute("truncate memories")
        assert places(connection, PERSON) == set()
        assert connection.execute("select count(*) from dreams.recall_events").fetchone() == (0,)
        assert connection.execute("select content_hash from dreams.tombstones").fetchall() == [
            (content_hash(f"{PERSON} was here"),)
        ]


def test_codex_2_may_delete_the_same_content_twice_in_one_statement(empty_url: str) -> None:
    with connect() as connection:
        connection.execute(CODEX_2_TABLE)
    migrate(empty_url)
    with connect() as connection:
        for place in ("here", "there"):
            connection.execute(CODEX_2_UPSERT, values("kept twice", place))
        assert connection.execute("delete from memories").rowcount == 2
        assert places(connection, "kept twice") == set()
