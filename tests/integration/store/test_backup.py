"""A backup holds the whole store and restores it byte for byte."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from memories.documents.edit import MemoryChanges, edit
from memories.documents.write import forget, store
from memories.errors import InputError, StoreUnsuitable
from memories.postgres.backup import backup, restore
from memories.postgres.database import connect
from memories.postgres.migrate import MIGRATIONS, tables_made_by
from memories.records import Document
from memories.views.explanation import explain
from tests.conftest import Dreams
from tests.integration.doors.test_command import sentence

Parts = dict[str, bytes]
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


def test_what_was_forgotten_since_a_backup_stays_forgotten_unless_revived(
    store_url: str, dreams: Dreams, tmp_path: Path
) -> None:
    file = str(tmp_path / "all.zip")
    with connect() as connection:
        back, edited, long = (
            store(connection, Document("test", name, text))
            for name, text in (("1", "kept"), ("2", "said before"), ("3", "Chapter and verse. " * 2_000))
        )
    rows = backup(tmp_path / "all.zip")["public.memories"]
    with connect() as connection:
        edit(connection, edited, MemoryChanges(content="said after"))
        edit(connection, back, MemoryChanges(content="kept, they said"))
        for memory_id in (edited, long, back):
            forget(connection, memory_id)
        assert store(connection, Document("test", "1", "kept")) == back
        store(connection, Document("test", "4", "new"))
    refused = dreams("db", "restore", file, "--replace", input="n\n")
    assert refused.stdout.endswith("Kept.\n")
    assert f"holds {rows} memories; the 2 memories and" in sentence(refused)
    assert f"{rows - 1} of its memories were forgotten since and stay forgotten" in sentence(refused)
    assert dreams("db", "restore", file, "--replace", "--yes").returncode == 0
    with connect() as connection:
        assert connection.execute("select content from memories").fetchall() == [("kept",)]
        assert connection.execute("select from dreams.memory_versions").rowcount == 0
    assert dreams("db", "restore", file, "--replace", "--revive", "--yes").returncode == 0
    with connect() as connection:
        assert connection.execute("select count(*) from memories").fetchone() == (rows,)
        assert connection.execute("select from dreams.tombstones").rowcount == 1


def without_searches(manifest: dict[str, Any], parts: Parts) -> None:
    """Makes a backup one of a version that kept the words of a search with its events."""
    manifest["migrations"] = [name for name in manifest["migrations"] if name < "0038"]
    for name in set(manifest["tables"]) - tables_made_by(manifest["migrations"]):
        del manifest["tables"][name], parts[f"{name}.copy"]


def test_the_words_of_searches_in_an_earlier_backup_go_with_what_they_found(store_url: str, tmp_path: Path) -> None:
    with connect() as connection:
        memory_id = store(connection, Document("test", "1", "The key hangs behind the clock"))
        connection.execute("alter table dreams.recall_events disable trigger event_inserted")
        connection.execute(
            "insert into dreams.recall_events (memory_id, kind, query_id, rank, occurred_at, details)"
            " select %s, 'listed', id, 1, now(), '{\"query\": \"which key?\"}' from memories",
            (memory_id,),
        )
    backup(tmp_path / "all.zip")
    restore(rewritten(tmp_path / "all.zip", without_searches), replace=True)
    with connect() as connection:
        assert {event.query for event in explain(connection, memory_id).events} == {"which key?", None}
        forget(connection, memory_id)
        assert connection.execute("select from dreams.searches").rowcount == 0


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


ACCOUNTS = ("public.accounts", b"2\tmallory\n")


@pytest.fixture
def other_tables(store_url: str) -> str:
    """A database with other programs' tables and view beside the store, one of them in our schema."""
    with connect() as connection:
        store(connection, Document("test", "1", "first"))
        for name in ("public.accounts", "dreams.accounts", 'public."public.memories"'):
            connection.execute(f"create table {name} (id int, owner text); insert into {name} values (1, 'alice')")
        connection.execute("create view public.owners as select * from public.accounts")
    return store_url


def what_is_there(url: str) -> list[object]:
    with connect(url) as connection:
        return [
            connection.execute("select content from public.memories").fetchall(),
            *(
                connection.execute(f"select id, owner from {name}").fetchall()
                for name in ("public.accounts", "dreams.accounts", 'public."public.memories"', "public.owners")
            ),
        ]


def rewritten(file: Path, change: Callable[[dict[str, Any], Parts], None]) -> Path:
    """Rewrites a backup as an attacker would: `change` gets the manifest and the parts."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts.pop("manifest.json"))
    change(manifest, parts)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, data in parts.items():
            archive.writestr(name, data)
    return file


def add(manifest: dict[str, Any], parts: Parts, name: str) -> None:
    data = ACCOUNTS[1]
    manifest["tables"][name] = {"columns": ["id", "owner"], "rows": 1, "sha256": sha256(data).hexdigest()}
    parts[f"{name}.copy"] = data


FOREIGN_NAMES = [
    "public.accounts", "dreams.accounts", "public.owners", "accounts", "PUBLIC.ACCOUNTS", '"public"."accounts"',
    "public.public.memories", "public.memories ", "Public.Memories", "dreams.migrations", "dreams.content_changes",
    "dreams.long_term_memories", "pg_catalog.pg_authid", "../public.accounts", "public.accounts\u0000", "", "a.b.c",
    'public.accounts"; drop table public.accounts; --',
]  # fmt: skip


@pytest.mark.parametrize("replace", [False, True])
def test_no_table_but_the_products_own_is_touched(other_tables: str, tmp_path: Path, replace: bool) -> None:
    backup(tmp_path / "all.zip")
    if not replace:
        with connect() as connection:
            connection.execute("delete from public.memories")
    before = what_is_there(other_tables)
    for number, name in enumerate(FOREIGN_NAMES):
        file = Path(shutil.copy(tmp_path / "all.zip", tmp_path / f"{number}.zip"))
        rewritten(file, lambda manifest, parts, name=name: add(manifest, parts, name))
        with pytest.raises(InputError, match="backup"):
            restore(file, replace=replace)
    assert what_is_there(other_tables) == before


def test_what_others_keep_beside_the_store_is_neither_kept_nor_replaced(other_tables: str, tmp_path: Path) -> None:
    assert "dreams.accounts" not in backup(tmp_path / "all.zip")
    restore(tmp_path / "all.zip", replace=True)
    assert what_is_there(other_tables) == [[("first",)], *[[(1, "alice")]] * 4]


def test_a_table_of_another_program_that_refers_to_memories_keeps_its_rows(store_url: str, tmp_path: Path) -> None:
    with connect() as connection:
        memory_id = store(connection, Document("test", "1", "first"))
        connection.execute("create table public.marks (memory_id uuid references public.memories)")
        connection.execute("insert into public.marks values (%s)", (memory_id,))
    backup(tmp_path / "all.zip")
    with pytest.raises(StoreUnsuitable, match="marks"):
        restore(tmp_path / "all.zip", replace=True)
    with connect() as connection:
        assert connection.execute("select memory_id from public.marks").fetchall() == [(memory_id,)]


def memories(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["tables"]["public.memories"]  # type: ignore[no-any-return]


def other_rows(manifest: dict[str, Any], parts: Parts, data: bytes) -> None:
    """Replaces the rows of the memories, and their hash in the manifest."""
    parts["public.memories.copy"] = data
    memories(manifest)["sha256"] = sha256(data).hexdigest()


CHANGES: list[Callable[[dict[str, Any], Parts], Any]] = [
    lambda manifest, parts: manifest.clear(),
    lambda manifest, parts: manifest.update(tables={}),
    lambda manifest, parts: manifest.update(tables=[]),
    lambda manifest, parts: manifest.update(format="another"),
    lambda manifest, parts: manifest.update(format_version=2),
    lambda manifest, parts: manifest.update(migrations=[]),
    lambda manifest, parts: manifest.update(migrations=["0001_memories.sql"]),
    lambda manifest, parts: manifest.update(migrations=["../../secret.sql"]),
    lambda manifest, parts: manifest["migrations"].append("9999_later.sql"),
    lambda manifest, parts: manifest["tables"].pop("dreams.recall_events"),
    lambda manifest, parts: memories(manifest).update(columns=[]),
    lambda manifest, parts: memories(manifest)["columns"].append("id"),
    lambda manifest, parts: memories(manifest)["columns"].remove("content"),
    lambda manifest, parts: memories(manifest).update(columns=["id; drop table public.memories"]),
    lambda manifest, parts: memories(manifest).update(rows=0),
    lambda manifest, parts: memories(manifest).update(rows=-1),
    lambda manifest, parts: memories(manifest).update(sha256="0"),
    lambda manifest, parts: parts.pop("public.memories.copy"),
    lambda manifest, parts: parts.update({"../escape.copy": b""}),
    lambda manifest, parts: other_rows(manifest, parts, b"no row at all"),
    lambda manifest, parts: other_rows(manifest, parts, parts["public.memories.copy"] * 2),
    lambda manifest, parts: other_rows(manifest, parts, b"\xff\xfe" + parts["public.memories.copy"]),
    lambda manifest, parts: other_rows(manifest, parts, b"\\.\n" + parts["public.memories.copy"]),
]  # fmt: skip


def test_a_backup_that_somebody_changed_restores_nothing(store_url: str, tmp_path: Path) -> None:
    with connect() as connection:
        store(connection, Document("test", "1", "first"))
    backup(tmp_path / "all.zip")
    for number, change in enumerate(CHANGES):
        file = Path(shutil.copy(tmp_path / "all.zip", tmp_path / f"{number}.zip"))
        with pytest.raises((InputError, StoreUnsuitable)):
            restore(rewritten(file, change), replace=True)
        with connect() as connection:
            assert connection.execute("select content from memories").fetchall() == [("first",)], number


def packed(file: Path, method: int, *names: str) -> None:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            archive.writestr(name, b"{}")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_is_packed_as_no_backup_is_refused(store_url: str, tmp_path: Path) -> None:
    packed(tmp_path / "twice.zip", zipfile.ZIP_DEFLATED, "manifest.json", "manifest.json")
    packed(tmp_path / "lzma.zip", zipfile.ZIP_LZMA, "manifest.json")
    packed(tmp_path / "nothing.zip", zipfile.ZIP_DEFLATED)
    (tmp_path / "empty.zip").write_bytes(b"")
    packed(tmp_path / "bomb.zip", zipfile.ZIP_DEFLATED, "manifest.json")
    bomb = (tmp_path / "bomb.zip").read_bytes()
    place = bomb.index(b"PK\x01\x02") + 24
    (tmp_path / "bomb.zip").write_bytes(bomb[:place] + (1 << 30).to_bytes(4, "little") + bomb[place + 4 :])
    (tmp_path / "folder.zip").mkdir()
    for file in tmp_path.glob("*.zip"):
        with pytest.raises(InputError):
            restore(file)


def test_a_backup_is_for_its_owner_alone_from_its_first_byte(store_url: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / f".all.zip.{os.getpid()}").symlink_to(precious)
    with pytest.raises(InputError, match="cannot be written"):
        backup(tmp_path / "all.zip")
    assert precious.read_text() == "mine"
    before = os.umask(0)
    try:
        backup(tmp_path / "other.zip")
    finally:
        os.umask(before)
    assert (tmp_path / "other.zip").stat().st_mode & 0o777 == 0o600


def test_the_migrations_say_which_tables_there_are(store_url: str) -> None:
    with connect() as connection:
        found = connection.execute(
            "select schemaname || '.' || tablename from pg_tables where schemaname in ('dreams', 'public')"
        )
        there = {str(name) for (name,) in found} - {"dreams.migrations"}
    assert tables_made_by(path.name for path in MIGRATIONS.glob("*.sql")) == there
