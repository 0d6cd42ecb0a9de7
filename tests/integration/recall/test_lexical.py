"""Word search finds what Postgres holds now, whatever happened to its files, and scores it by BM25."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import log
from pathlib import Path
from shutil import copytree, rmtree
from time import sleep
from uuid import UUID, uuid4

import numpy
import psycopg
import pytest
from psycopg.types.json import Jsonb

from memories.documents.write import forget, store
from memories.errors import CacheUnwritable
from memories.lexical.changes import words
from memories.lexical.index import LexicalIndex, folder_of, terms
from memories.lexical.terms import row_terms
from memories.postgres.backup import backup, restore
from memories.postgres.database import Connection, connect
from memories.records import Document
from tests.conftest import ROOT, new_database

UPSERT = (
    "insert into memories (content, content_hash, context, summary, tags) values (%s, md5(%s), %s, %s, %s)"
    " on conflict (content_hash) do update set context = excluded.context, summary = excluded.summary,"
    " tags = excluded.tags, updated_at = now() returning id"
)
# All rows on disk, or all in memory.
PLACES = pytest.mark.parametrize("tail_rows", [0, 1000], ids=["on disk", "in memory"])


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


def remember(connection: Connection, *contents: str) -> list[UUID]:
    return [store(connection, Document("test", content, content)) for content in contents]


def search(index: LexicalIndex, connection: Connection, query: str, limit: int = 100) -> dict[UUID, float]:
    index.catch_up(connection)
    return dict(index.search(dict.fromkeys(terms(query), 1.0), limit))


def notes(count: int, seed: int = 1, longest: int = 90, shortest: int = 1) -> list[str]:
    """Texts from a small vocabulary, with random lengths, in words, between the limits."""
    source = numpy.random.default_rng(seed)
    lengths = source.integers(shortest, longest, count, endpoint=True)
    return [
        f"note{seed}x{number} " + " ".join(f"word{int(40 * place**3)}" for place in source.random(length))
        for number, length in enumerate(lengths)
    ]


@PLACES
def test_what_was_stored_is_found_at_once_by_any_of_its_words(
    connection: Connection, tmp_path: Path, tail_rows: int
) -> None:
    index = LexicalIndex(tmp_path / "index", tail_rows=tail_rows)
    assert search(index, connection, "boats") == {}
    memory_id = store(connection, Document("test", "1", "The boat leaks", "noted at sea", "repair", tags=["Kåhög"]))
    remember(connection, "水位上升了", "nothing of the kind")
    for query in ("boats leaking", "sea", "repairs", "kahog", "KÅHÖG", "which boat leaks?"):
        assert list(search(index, connection, query)) == [memory_id], query
    assert len(search(index, connection, "水位")) == 1
    assert search(index, connection, "the and of") == {}
    assert index.row_count == 3
    assert index.row_frequency("boat") == 1


@PLACES
def test_memories_with_nearly_a_word_are_near_it(connection: Connection, tmp_path: Path, tail_rows: int) -> None:
    index = LexicalIndex(tmp_path / "index", tail_rows=tail_rows)
    harbour, _ = remember(connection, "harbour", "the lighthouse keeper")
    index.catch_up(connection)
    for misspelt in ("harbuor", "harbou", "harrbour", "harbxur"):
        assert index.near(misspelt, 1, 10) == [harbour]
    assert index.near("hrbuor", 1, 10) == []
    forget(connection, harbour)
    index.catch_up(connection)
    assert index.near("harbuor", 1, 10) == []


@PLACES
def test_what_codex_edits_and_deletes_is_found_as_it_stands(
    connection: Connection, tmp_path: Path, tail_rows: int
) -> None:
    index = LexicalIndex(tmp_path / "index", tail_rows=tail_rows)
    tide, storm = (
        connection.execute(UPSERT, (content, content, "", "", [])).fetchone()[0] for content in ("low tide", "storm")
    )
    assert set(search(index, connection, "tide storm")) == {tide, storm}
    connection.execute(UPSERT, ("storm", "storm", "harbour", "gale", ["wind"]))
    assert [list(search(index, connection, query)) for query in ("harbour", "gale", "winds")] == [[storm]] * 3
    for column, value, query in (
        ("context", "quay", "quay"),
        ("summary", "squall", "squall"),
        ("tags", ["thunder"], "thunder"),
        ("metadata", Jsonb({"speaker": "Ingrid"}), "ingrid"),
        ("created_at", "1987-10-16", "16 October 1987"),
    ):
        connection.execute(f"update memories set {column} = %s where id = %s", (value, storm))
        assert list(search(index, connection, query)) == [storm]
    assert search(index, connection, "harbour gale winds") == {}
    connection.execute("update memories set content = 'ebb', content_hash = md5('ebb') where id = %s", (tide,))
    assert search(index, connection, "tide") == {}
    assert list(search(index, connection, "ebb")) == [tide]
    connection.execute("delete from memories where id = %s", (storm,))
    assert search(index, connection, "quay storm") == {}
    assert index.row_count == 1
    renamed = uuid4()
    connection.execute("update memories set id = %s where id = %s", (renamed, tide))
    assert list(search(index, connection, "ebb")) == [renamed]
    connection.execute("truncate memories")
    assert search(index, connection, "ebb") == {}
    assert index.row_count == 0


@PLACES
def test_a_transaction_that_commits_late_is_not_missed(
    connection: Connection, store_url: str, tmp_path: Path, tail_rows: int
) -> None:
    index = LexicalIndex(tmp_path / "index", tail_rows=tail_rows)
    with psycopg.connect(store_url) as early, psycopg.connect(store_url) as aborted:
        early.execute(UPSERT, ("early whale", "early whale", "", "", []))
        aborted.execute(UPSERT, ("aborted whale", "aborted whale", "", "", []))
        (late,) = remember(connection, "late whale")
        assert list(search(index, connection, "whale")) == [late]
        (later,) = remember(connection, "later whale")
        assert set(search(index, connection, "whale")) == {late, later}
        early.commit()
        aborted.rollback()
        assert len(search(index, connection, "whale")) == 3
        assert len(search(LexicalIndex(tmp_path / "index", tail_rows=tail_rows), connection, "whale")) == 3


def plain_bm25(connection: Connection, query: str) -> dict[UUID, float]:
    """Textbook BM25, with lengths rounded as in an index that stores each in one byte."""
    steps = {*range(40), *((eighth + 8 << shift) + 24 for shift in range(1, 20) for eighth in range(8))}
    memory_ids = [row[0] for row in connection.execute("select id from memories")]
    counts = {key: Counter(row_terms(text)) for key, text in words(connection, memory_ids).items()}
    mean_length = sum(count.total() for count in counts.values()) / len(counts)
    scores: Counter[UUID] = Counter()
    for term in terms(query):
        having = [memory_id for memory_id, count in counts.items() if term in count]
        rarity = log(1 + (len(counts) - len(having) + 0.5) / (len(having) + 0.5))
        for memory_id in having:
            length = max(step for step in steps if step <= counts[memory_id].total())
            count = counts[memory_id][term]
            scores[memory_id] += rarity * 2.2 * count / (count + 1.2 * (0.25 + 0.75 * length / mean_length))
    return dict(scores)


def test_scores_are_those_of_bm25_in_memory_as_on_disk(connection: Connection, tmp_path: Path) -> None:
    remember(connection, *notes(150))
    on_disk, in_memory = (LexicalIndex(tmp_path / str(rows), tail_rows=rows) for rows in (0, 1000))
    for query in ("word1", "word0 word3 word17 word39 note1x7 nowhere"):
        expected = plain_bm25(connection, query)
        assert search(on_disk, connection, query, 1000) == pytest.approx(expected, rel=1e-5)
        assert search(in_memory, connection, query, 1000) == pytest.approx(expected, rel=1e-5)
    assert list((tmp_path / "0").iterdir())
    assert not (tmp_path / "1000").exists()


def test_a_memory_scores_alike_before_and_after_it_is_written(connection: Connection, tmp_path: Path) -> None:
    known, new = notes(100, longest=30, shortest=30), notes(5, seed=2, longest=30, shortest=30)
    remember(connection, *known)
    LexicalIndex(tmp_path / "index", tail_rows=0).catch_up(connection)
    stamp = (tmp_path / "index" / "stamp.json").read_text()
    index, query = LexicalIndex(tmp_path / "index"), "word0 word2 word5 note2x3"
    remember(connection, *new)
    expected = pytest.approx(plain_bm25(connection, query), rel=1e-4)
    assert search(index, connection, query, 1000) == expected
    assert (tmp_path / "index" / "stamp.json").read_text() == stamp
    assert search(LexicalIndex(tmp_path / "index", tail_rows=0), connection, query, 1000) == expected
    assert (tmp_path / "index" / "stamp.json").read_text() != stamp
    assert search(index, connection, query, 1000) == expected


def test_an_edit_or_deletion_hides_what_is_on_disk(connection: Connection, tmp_path: Path) -> None:
    stamp = tmp_path / "index" / "stamp.json"
    edited, deleted, *others = remember(connection, *(f"heron {text}" for text in notes(40, longest=30, shortest=30)))
    LexicalIndex(tmp_path / "index", tail_rows=0).catch_up(connection)
    index, written = LexicalIndex(tmp_path / "index"), stamp.read_text()
    assert len(search(index, connection, "heron")) == 40
    connection.execute("update memories set content = replace(content, 'heron', 'stork') where id = %s", (edited,))
    connection.execute("delete from memories where id = %s", (deleted,))
    assert list(search(index, connection, "stork")) == [edited]
    assert set(search(index, connection, "heron")) == set(others)
    assert set(search(index, connection, "heron", 38)) == set(others)
    assert index.row_count == 39
    connection.execute("delete from memories where id = %s", (edited,))
    assert search(index, connection, "stork") == {}
    assert index.row_count == 38
    assert stamp.read_text() == written


def test_memories_that_move_the_mean_length_are_written_at_once(connection: Connection, tmp_path: Path) -> None:
    known, new = notes(50, longest=10), notes(3, seed=2, shortest=80)
    remember(connection, *known)
    LexicalIndex(tmp_path / "index", tail_rows=0).catch_up(connection)
    remember(connection, *new)
    found = search(LexicalIndex(tmp_path / "index"), connection, "word0 word2", 1000)
    assert found == pytest.approx(plain_bm25(connection, "word0 word2"), rel=1e-4)


def test_the_best_come_first_and_no_more_than_asked_for(connection: Connection, tmp_path: Path) -> None:
    remember(connection, *notes(60))
    LexicalIndex(tmp_path / "index", tail_rows=0).catch_up(connection)
    index = LexicalIndex(tmp_path / "index")
    remember(connection, *(f"more {text}" for text in notes(5, seed=3)))
    everything = search(index, connection, "word1 word2", 1000)
    assert list(everything.values()) == sorted(everything.values(), reverse=True)
    for limit in (0, 1, 7):
        assert list(search(index, connection, "word1 word2", limit)) == list(everything)[:limit]


@PLACES
def test_a_term_counts_by_its_weight(connection: Connection, tmp_path: Path, tail_rows: int) -> None:
    both, first, second = remember(connection, "lake mill", "lake boat", "hill mill")
    index = LexicalIndex(tmp_path / "index", tail_rows=tail_rows)
    index.catch_up(connection)
    plain, weighed = index.search({"lake": 1, "mill": 1}, 9), index.search({"lake": 1, "mill": 0.5}, 9)
    assert weighed[first] == pytest.approx(plain[first])
    assert weighed[second] == pytest.approx(plain[second] / 2)
    assert weighed[both] == pytest.approx(plain[both] * 0.75)


def damages(content: bytes) -> list[bytes | None]:
    """A file deleted, cut short, or with one byte changed."""
    return [None, content[: len(content) // 2], content[:5] + bytes([content[5] ^ 1]) + content[6:]]


def test_files_that_are_lost_or_damaged_are_made_again(connection: Connection, tmp_path: Path) -> None:
    folder, query = tmp_path / "index", "word0 word1 note1x7"
    memory_ids = remember(connection, *notes(30))
    index = LexicalIndex(folder, tail_rows=0)
    index.catch_up(connection)
    forget(connection, memory_ids[0])
    # A deleted row counts in the scores until it leaves the files, so scores show whether an index was rebuilt.
    outdated = search(index, connection, query)
    expected = pytest.approx(search(LexicalIndex(tmp_path / "new", tail_rows=0), connection, query), rel=1e-6)
    assert outdated != expected
    of_each_kind = {path.suffix: path for path in folder.glob("*/[!.]*")}
    files = [path.relative_to(folder) for path in (*of_each_kind.values(), folder / "stamp.json")]
    assert {".json", ".idx", ".pos", ".term", ".fast", ".fieldnorm", ".store", ".del"} == set(of_each_kind)
    for number, file in enumerate(files):
        for damaged in damages((folder / file).read_bytes()):
            copy = tmp_path / f"{number} {damaged is None or len(damaged)}"
            copytree(folder, copy)
            (copy / file).unlink() if damaged is None else (copy / file).write_bytes(damaged)
            assert search(LexicalIndex(copy, tail_rows=0), connection, query) == expected, (file, damaged)
            rmtree(copy)
    rmtree(folder)
    assert search(index, connection, query) == expected


def test_an_index_that_is_not_of_this_store_and_analysis_is_made_again(
    connection: Connection, server: str, migrated_template: str, tmp_path: Path
) -> None:
    folder, other = tmp_path / "index", tmp_path / "other"
    remember(connection, "the heron stands still")
    first = LexicalIndex(folder, tail_rows=0)
    expected = search(first, connection, "heron")
    assert len(expected) == 1
    egrets = []
    for key, value in (("analysis", "0"), ("seen", "999999999:999999999:"), ("identity", "1 2 3 4")):
        for index in (first, LexicalIndex(folder, tail_rows=0)):
            stamp = json.loads((folder / "stamp.json").read_text())
            (folder / "stamp.json").write_text(json.dumps({**stamp, key: value}))
            egrets += remember(connection, f"an egret {key} {index is first}")
            assert search(index, connection, "heron").keys() == expected.keys(), key
            assert search(index, connection, "egret").keys() == set(egrets), key
            assert json.loads((folder / "stamp.json").read_text())["generation"] != stamp["generation"], key

    with connect(new_database(server, migrated_template), autocommit=True) as elsewhere:
        remember(elsewhere, "the heron of elsewhere", "a stork")
        assert len(search(LexicalIndex(other, tail_rows=0), elsewhere, "stork")) == 1
        assert folder_of(elsewhere) != folder_of(connection) == folder_of(connection)
    rmtree(folder)
    copytree(other, folder)
    for index in (first, LexicalIndex(folder, tail_rows=0), LexicalIndex(folder)):
        assert search(index, connection, "heron stork").keys() == expected.keys()


def test_what_is_forgotten_leaves_the_files(connection: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    forgotten, edited = remember(connection, "the password is xyzzy", "plain frobozz")
    remember(connection, *notes(20))
    index = LexicalIndex(folder, tail_rows=0)
    index.catch_up(connection)
    forget(connection, forgotten)
    connection.execute("update memories set content = 'edited' where id = %s", (edited,))
    assert search(index, connection, "xyzzy frobozz") == {}
    assert index.row_frequency("xyzzi") == 1
    # As if an hour had passed.
    stamp = json.loads((folder / "stamp.json").read_text())
    (folder / "stamp.json").write_text(json.dumps({**stamp, "built_at": stamp["built_at"] - 3600}))
    index.settle(connection)
    assert [index.row_frequency(*terms(word)) for word in ("xyzzy", "frobozz", "edited")] == [0, 0, 1]
    assert list(search(index, connection, "edited")) == [edited]
    assert index.row_count == 21


def test_a_tail_is_written_when_it_is_worth_it(connection: Connection, tmp_path: Path) -> None:
    remember(connection, *notes(100, longest=20, shortest=20))
    LexicalIndex(tmp_path / "index", tail_rows=0).catch_up(connection)
    index = LexicalIndex(tmp_path / "index", tail_rows=80)
    stamp = (tmp_path / "index" / "stamp.json").read_text()
    for seed, is_written in ((2, False), (3, True)):
        remember(connection, *notes(6, seed, longest=20, shortest=20))
        found = search(index, connection, "word0 word1")
        index.settle(connection)
        assert ((tmp_path / "index" / "stamp.json").read_text() != stamp) == is_written
        assert search(index, connection, "word0 word1") == pytest.approx(found, rel=1e-4)
    assert index.row_count == 112


SEARCHER = """
import sys
from pathlib import Path
from memories.postgres.database import connect
from memories.lexical.index import LexicalIndex
index = LexicalIndex(Path(sys.argv[1]), tail_rows=15)
with connect(autocommit=True) as connection:
    found = {}
    print("ready", flush=True)
    while len(found) < int(sys.argv[2]):
        stored = connection.execute("select count(*) from memories").fetchone()[0]
        index.catch_up(connection)
        found = index.search({"heron": 1.0}, 1000)
        assert len(found) >= stored, (len(found), stored)
        assert index.row_count == len(found), (index.row_count, len(found))
"""


def test_two_processes_search_while_a_third_stores(connection: Connection, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SEARCHER, str(tmp_path / "index"), "200"]
    searchers = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for searcher in searchers:
        assert searcher.stdout is not None and searcher.stdout.readline() == "ready\n"
    for number in range(200):
        remember(connection, f"heron number {number}")
    assert [(searcher.communicate(timeout=60)[1], searcher.returncode) for searcher in searchers] == [("", 0)] * 2


WRITER = """
import sys
from pathlib import Path
from memories.postgres.database import connect
from memories.lexical.index import LexicalIndex
index = LexicalIndex(Path(sys.argv[1]), tail_rows=0)
with connect(autocommit=True) as connection:
    print(connection.info.backend_pid, flush=True)
    for number in range(1_000_000):
        connection.execute("update memories set summary = %s", (f"state{number}",))
        index.catch_up(connection)
        print(number, flush=True)
"""


def test_a_process_that_is_killed_while_it_writes_leaves_an_index_that_can_be_used(
    connection: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    memory_ids = set(remember(connection, *notes(50)))
    for writes in (1, 3, 4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        server_process_id = int(writer.stdout.readline())
        for _ in range(writes):
            assert writer.stdout.readline()
        writer.kill()
        writer.wait()
        # The server may still be writing the killed process's last statement.
        while connection.execute("select from pg_stat_activity where pid = %s", (server_process_id,)).fetchone():
            sleep(0.01)
        (state,) = connection.execute("select distinct summary from memories").fetchone()
        index = LexicalIndex(folder, tail_rows=0)
        assert set(search(index, connection, state)) == memory_ids
        assert index.row_count == len(memory_ids)
        assert search(index, connection, "state0") == {} or state == "state0"


def test_threads_search_while_others_store_and_write(connection: Connection, store_url: str, tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path / "index", tail_rows=10)

    def work(worker: int) -> None:
        with connect(store_url, autocommit=True) as own:
            for number in range(20):
                (memory_id,) = remember(own, f"heron {worker} {number}")
                assert memory_id in search(index, own, "heron", 1000)
                if worker == 0:
                    index.settle(own)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(search(index, connection, "heron", 1000)) == 120


def test_many_writers_do_not_wait_for_each_other_for_ever(
    connection: Connection, store_url: str, tmp_path: Path
) -> None:
    contents = [f"heron {number}" for number in range(12)]

    def write(worker: int) -> None:
        own_order = numpy.random.default_rng(worker).permutation(contents).tolist()
        with connect(store_url, autocommit=True) as own:
            for content in own_order:
                own.execute(UPSERT, (content, content, f"by {worker}", "", []))
            with own.transaction():
                for content in contents:
                    own.execute(UPSERT, (content, content, "", f"by {worker}", []))
            own.execute("delete from memories where content = %s", (own_order[0],))

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(write, range(32)))
    index = LexicalIndex(tmp_path / "index")
    there = connection.execute("select count(*) from memories").fetchone()
    assert (len(search(index, connection, "heron", 1000)),) == there


def test_a_vector_is_no_change_of_words(connection: Connection) -> None:
    upsert = (UPSERT, ("heron", "heron", "here", "", []))
    memory_id = connection.execute(*upsert).fetchone()[0]
    change = "select xmin::text, changed_in::text from dreams.content_changes where memory_id = %s"
    noted = connection.execute(change, (memory_id,)).fetchone()
    connection.execute(
        "update memories set embedding_vector = array_fill(0.1, array[768])::vector, embedding_model = 'm', metadata = '{}',"
        " semantic_cluster = 3, updated_at = now()"
    )
    assert connection.execute(*upsert).fetchone() == (memory_id,)
    assert connection.execute(change, (memory_id,)).fetchone() == noted


@PLACES
def test_a_restored_store_is_searched_as_it_was(connection: Connection, tmp_path: Path, tail_rows: int) -> None:
    index = LexicalIndex(tmp_path / "index", tail_rows=tail_rows)
    heron, stork = remember(connection, "heron", "stork")
    backup(tmp_path / "all.zip")
    forget(connection, stork)
    connection.execute("update memories set summary = 'edited'")
    (egret,) = remember(connection, "egret")
    assert set(search(index, connection, "heron stork egret edited")) == {heron, egret}
    restore(tmp_path / "all.zip", replace=True)
    assert set(search(index, connection, "heron stork egret")) == {heron}
    restore(tmp_path / "all.zip", replace=True, revive=True)
    assert set(search(index, connection, "heron stork egret")) == {heron, stork}
    assert search(index, connection, "edited") == {}


def test_a_log_of_another_server_or_with_gaps_is_mended(connection: Connection, tmp_path: Path) -> None:
    heron, stork = remember(connection, "heron", "stork")
    connection.execute("update dreams.content_changes set changed_in = '99999999999' where memory_id = %s", (heron,))
    connection.execute("delete from dreams.content_changes where memory_id = %s", (stork,))
    index = LexicalIndex(tmp_path / "index")
    assert set(search(index, connection, "heron stork")) == {heron, stork}
    assert connection.execute(
        "select count(*), bool_and(pg_visible_in_snapshot(changed_in, pg_current_snapshot())) from dreams.content_changes"
    ).fetchone() == (2, True)


def test_a_folder_that_cannot_be_written_is_named(connection: Connection, tmp_path: Path) -> None:
    remember(connection, "heron")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheUnwritable, match="file/index"):
        LexicalIndex(tmp_path / "file" / "index", tail_rows=0).catch_up(connection)
