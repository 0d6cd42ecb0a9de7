"""After `dreams forget --now` no file contains a word of the memory: not Postgres's pages, log or statistics."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy
from sqlalchemy.schema import CreateTable

from ingest.cycle import scrub as scrubbing
from ingest.cycle.run import dream, open_cycle, write_back
from memories.documents.dead_rows import scrub
from memories.documents.receipt import MEMORIES
from memories.kept_reports import folder
from memories.memory import Memory
from memories.postgres import database
from memories.postgres.database import connect
from memories.postgres.migrate import migrate
from memories.settings import StoreSettings, settings
from tests.conftest import Dreams, forget_settings
from tests.copies import places, remember
from tests.embedders import embed

WORD = "zyxquorv"


@pytest.fixture
def own_home(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreSettings]:
    """Settings of a server whose files contain only this test's words, as no other test writes to it."""
    home = Path(tempfile.mkdtemp(prefix="dreams-"))
    monkeypatch.setenv("DREAMS_HOME", str(home))
    for name in ("POSTGRES_DB_URL", "DUCKDB_PATH"):
        monkeypatch.delenv(name)
    forget_settings()
    yield settings()
    database.stop(settings())
    shutil.rmtree(home, ignore_errors=True)
    if settings().postgres_folder.parent != home:
        shutil.rmtree(settings().postgres_folder.parent, ignore_errors=True)
    forget_settings()


def files_with(own: StoreSettings, word: str) -> list[str]:
    """The paths of the files in the home and in Postgres's folder that contain a word."""
    folders = {own.dreams_home, own.postgres_folder}
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sorted({str(path) for path in files if word.encode() in path.read_bytes().lower()})


def leave_reports(home: Path, *reports: str) -> None:
    """Leaves reports in the tables of Prefect's database, as scheduled cycles do."""
    from prefect.server.database.orm_models import Artifact, ArtifactCollection, Base

    database = home / "prefect" / "prefect.db"
    database.parent.mkdir()
    engine = sqlalchemy.create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        for each in (Artifact, ArtifactCollection):
            connection.execute(CreateTable(Base.metadata.tables[each.__tablename__]))
        for number, data in enumerate(reports):
            key, mine = f"dreams-found-{number}", {"id": uuid4(), "data": data}
            connection.execute(sqlalchemy.insert(Artifact), {"key": key, **mine})
            connection.execute(sqlalchemy.insert(ArtifactCollection), {"key": key, "latest_id": mine["id"], **mine})
    engine.dispose()


def test_no_file_holds_a_word_of_what_was_forgotten_now(own_home: StoreSettings, dreams: Dreams) -> None:
    migrate()
    with Memory(embed=embed) as memory, connect(autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
        kept = memory.store("The ladder stands behind the shed", tags=["ladder"])
        about, long = remember(memory, WORD, memory.store("The ferry leaves at noon"))
        with open_cycle() as opened:
            dream(opened)
            write_back(opened)
        shown = memory.search(f"where does {WORD} keep the ladder", k=30)
        assert kept in {each.memory.id for each in shown.results}
        for memory_id in about:
            if memory_id != long:
                memory.forget(memory_id)
        connection.execute("checkpoint")
    leave_reports(own_home.dreams_home, f"The ladder of {WORD}", "The ferry")
    (folder() / "week-2026-01-04.md").write_text(f"{WORD} [^1]\n\n[^1]: memory {long}")
    held = files_with(own_home, WORD)
    for place in ("/pg_wal/", "/base/", "memory.duckdb", "prefect.db", "/reports/"):
        assert any(place in name for name in held), place

    told = dreams("forget", str(long), "--yes", "--now")
    assert told.returncode == 0
    assert "dreams: scrubbing: renew statistics and log" in told.stderr.splitlines()
    assert files_with(own_home, WORD) == []
    assert not scrubbing.is_due()
    with connect() as connection:
        assert places(connection, WORD) == set()
        assert connection.execute("select id from memories").fetchall() == [(kept,)]


def test_a_scrub_says_who_is_in_its_way(store_url: str) -> None:
    """A table that others have locked is left as it is, and so are rows that an open transaction can see."""
    with connect(autocommit=True) as connection, connect() as other:
        other.execute("select pg_current_xact_id()")
        other.execute("lock table dreams.annotations in share mode")
        found = scrub(connection, settings(), patience_seconds=0.1)
        process = other.info.backend_pid
    seen, held = (each.what for each in found.again)
    assert f"process {process}, dreams" in seen
    assert held == "old pages of dreams.annotations, which others are using"
    with connect(autocommit=True) as connection:
        assert scrub(connection, settings(), patience_seconds=0.1).again == []


def test_a_scrub_says_what_the_rights_of_its_user_do_not_reach(store_url: str) -> None:
    with connect(autocommit=True) as connection:
        connection.execute("create role visitor")
        connection.execute("grant usage on schema dreams to visitor")
        connection.execute("set role visitor")
        beyond = {each.what for each in scrub(connection, settings(), patience_seconds=0.1).beyond}
        connection.execute("reset role")
        connection.execute("drop owned by visitor")
        connection.execute("drop role visitor")
    assert beyond > {"old pages of public.memories", "old pages of pg_catalog.pg_statistic", "the write-ahead log"}


def test_a_deletion_takes_the_words_of_searches_that_found_the_memory_along(store_url: str) -> None:
    """Includes searches whose events are still in a file; other events of other memories stay as they were."""
    with Memory(embed=embed) as memory:
        gone, kept = (memory.store(f"{word} has the ladder") for word in (WORD, "nobody"))
        for query in ("who has the ladder", "the ladder of nobody"):
            assert {each.memory.id for each in memory.search(query, words_only=True).results} >= {kept}
        memory.search("shed", words_only=True)
        memory.listed(memory.search("nobody", 1, words_only=True, record=False))
    with Memory(embed=embed) as memory, connect(autocommit=True) as connection:
        memory.search("where is a ladder", words_only=True)
        memory.forget(gone)
    with connect(autocommit=True) as connection:
        asked = connection.execute(
            "select e.memory_id, s.query from dreams.recall_events as e"
            " left join dreams.searches as s using (query_id) where e.kind = 'listed' order by 2"
        ).fetchall()
    assert asked == [(kept, "nobody"), (kept, None), (kept, None), (kept, None)]


def test_a_receipt_says_what_was_removed_from_where_and_what_remains(store_url: str) -> None:
    with Memory(embed=embed) as memory:
        memory_id = memory.store("\n\n".join(f"Chapter {n} of the harbour wall. " * 300 for n in range(4)))
        other = memory.store("Nobody wrote a chapter")
        memory.search("chapter", words_only=True)
    with Memory(embed=embed) as memory, connect(autocommit=True) as connection:
        rows, events = connection.execute(
            "select (select count(*) from memories where id <> %(other)s),"
            " (select count(*) from dreams.recall_events where memory_id <> %(other)s)",
            {"other": other},
        ).fetchone()  # type: ignore[misc]
        receipt = memory.forget(memory_id)
        assert rows > 1
        removed = {MEMORIES: rows, "dreams.recall_events": events, "dreams.searches": 1}
        assert (receipt.rows, receipt.removed) == (rows, removed)
        assert any("write-ahead log" in each.what and "dreams db scrub" in each.until for each in receipt.remains)
