"""A backup holds the whole store and gives it back byte for byte."""

import zipfile
from pathlib import Path

import pytest

from memories.backup import backup, restore
from memories.database import connect
from memories.errors import InputError
from memories.records import Document
from memories.write import forget, store

TABLES = [
    "public.memories",
    "dreams.recall_events",
    "dreams.memory_versions",
    "dreams.tombstones",
    "dreams.annotations",
    "dreams.cycles",
    "dreams.cycle_changes",
    "dreams.memory_states",
    "dreams.edge_states",
    "dreams.learned_vectors",
    "dreams.memory_insights",
]


def fingerprint(url: str) -> dict[str, object]:
    with connect(url) as connection:
        return {
            name: connection.execute(
                f"select count(*), md5(string_agg(t::text, '' order by t::text)) from {name} as t"
            ).fetchone()
            for name in TABLES
        }


def empty(url: str) -> None:
    with connect(url) as connection:
        connection.execute("drop schema dreams cascade; drop table memories")


def test_the_store_comes_back_byte_for_byte(dreamt_url: str, tmp_path: Path) -> None:
    with connect() as connection:
        forget(connection, store(connection, Document("test", "1", "gone")))
        store(connection, Document("test", "2", 'tab\t newline\n backslash \\N \\. quote " unicode 水'))
    before = fingerprint(dreamt_url)
    rows = backup(tmp_path / "all.zip")
    empty(dreamt_url)
    assert restore(tmp_path / "all.zip") == rows
    assert fingerprint(dreamt_url) == before
    with connect() as connection:
        assert connection.execute("select count(*) from dreams.long_term_memories").fetchone()[0] > 300
        memory_id = store(connection, Document("test", "3", "the triggers work again"))
        assert connection.execute(
            "select kind from dreams.recall_events where memory_id = %s", (memory_id,)
        ).fetchall() == [("created",)]


def test_a_store_with_memories_is_not_overwritten_unless_asked(store_url: str, tmp_path: Path) -> None:
    with connect() as connection:
        store(connection, Document("test", "1", "first"))
    backup(tmp_path / "all.zip")
    with connect() as connection:
        store(connection, Document("test", "2", "second"))
    with pytest.raises(InputError, match="--replace"):
        restore(tmp_path / "all.zip")
    restore(tmp_path / "all.zip", replace=True)
    with connect() as connection:
        assert connection.execute("select content from memories").fetchall() == [("first",)]


def test_a_backup_does_not_replace_a_file(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_text("precious")
    with pytest.raises(InputError, match="exists"):
        backup(tmp_path / "all.zip")
    assert (tmp_path / "all.zip").read_text() == "precious"


@pytest.mark.parametrize("damage", ["no zip", "cut short", "other rows", "no manifest"])
def test_a_damaged_backup_restores_nothing(store_url: str, tmp_path: Path, damage: str) -> None:
    with connect() as connection:
        store(connection, Document("test", "1", "first"))
    file = tmp_path / "all.zip"
    backup(file)
    if damage == "no zip":
        file.write_bytes(b"something else")
    elif damage == "cut short":
        file.write_bytes(file.read_bytes()[:-200])
    else:
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in parts.items():
                if not (damage == "no manifest" and name == "manifest.json"):
                    archive.writestr(name, data.replace(b"first", b"other") if name.endswith("memories.copy") else data)
    with pytest.raises(InputError):
        restore(file, replace=True)
    with connect() as connection:
        assert connection.execute("select content from memories").fetchall() == [("first",)]
