"""Backs up the whole store to one file and restores it byte for byte.

The file is a zip: `manifest.json`, and for each table the output of Postgres's COPY. It leaves out tables that describe
one server's transactions and disk. The migrations, not the file, decide which tables exist.
"""

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg
from psycopg import sql

from memories.errors import InputError, StoreUnsuitable
from memories.postgres.backup_file import (
    BackupFile,
    Manifest,
    Table,
    opened,
    part_of,
)
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import MIGRATIONS, migrate, tables_made_by

MEMORIES = "public.memories"
LEFT_OUT = {"dreams.content_changes", "dreams.unscrubbed"}
FIRST = [MEMORIES, "dreams.cycles"]

# What this store has forgotten. An id can be in use again, when the text that it is made from was stored again.
FORGOTTEN = """
create temporary table forgotten_here as
select t.*, not exists (select from public.memories as m where m.id = t.memory_id) as is_gone
from dreams.tombstones as t
"""
PREVIEW = """
with returned as (
    select id, parent_id from backed_up
    where
        content_hash in (select content_hash from forgotten_here)
        or id::uuid in (select memory_id from forgotten_here where is_gone)
)
select
    (select count(*) from public.memories),
    (select count(*) from dreams.recall_events),
    count(*),
    count(*) filter (
        where id in (select id from returned) or parent_id in (select parent_id from returned)
    )
from backed_up
"""
KEEP_FORGOTTEN = """
insert into dreams.tombstones (content_hash, memory_id, forgotten_at)
select content_hash, memory_id, forgotten_at from forgotten_here on conflict (content_hash) do nothing
"""
FORGET_AGAIN = """
with returned as (
    select id, parent_id from public.memories
    where
        content_hash in (select content_hash from forgotten_here)
        or id in (select memory_id from forgotten_here where is_gone)
)
delete from public.memories
where id in (select id from returned) or parent_id in (select parent_id from returned)
"""
REVIVE = """
delete from dreams.tombstones as t using forgotten_here as f
where
    t.content_hash = f.content_hash
    and (
        t.content_hash in (select content_hash from public.memories)
        or f.is_gone and t.memory_id in (select id from public.memories)
    )
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a restoration replaces and brings, counted; `forgotten_since` of the backup's memories were forgotten."""

    replaced_memories: int
    replaced_events: int
    memories: int
    forgotten_since: int


def backup(file: Path) -> Mapping[str, int]:
    """Writes every table, as of one instant; returns row counts by table. The file appears only when it is complete.

    Raises InputError when the file exists already or its folder cannot be written.
    """
    if file.exists():
        raise InputError(f"{file} exists: name a file that does not, so that no backup is lost")
    if not file.parent.is_dir():
        raise InputError(f"the folder {file.parent} does not exist: create it, or name another")
    with connect() as connection, _written(file) as archive:
        connection.execute("set transaction isolation level repeatable read read only")
        applied = _applied(connection)
        tables = {name: _write_table(connection, archive, name) for name in _tables(applied)}
        archive.writestr("manifest.json", Manifest(migrations=applied, tables=tables).model_dump_json(indent=1))
    return {name: table.rows for name, table in tables.items()}


def restore(file: Path, *, replace: bool = False, revive: bool = False) -> Mapping[str, int]:
    """Restores a backup to an empty store in one transaction, then migrates it to this version; returns rows by table.

    Memories that were forgotten since stay forgotten, unless they are to `revive`.

    Raises InputError when the file is not a backup or is damaged, or when the store holds memories and `replace` is not
    set; then no memory is changed.
    """
    with opened(file) as archive:
        manifest = archive.manifest
        _check_tables(file, manifest)
        archive.check_rows()
        migrate(until=max(manifest.migrations))
        with connect(autocommit=True) as connection:
            with connection.transaction():
                _check_target(connection, manifest, replace)
                connection.execute("set constraints all deferred")
                connection.execute(FORGOTTEN)
                _mark_changed(connection)
                with _emptied(connection, _tables(_applied(connection))):
                    for name, table in manifest.tables.items():
                        _read_table(connection, archive, name, table)
                _mark_changed(connection)
                _move_queries(connection)
                connection.execute(KEEP_FORGOTTEN)
            migrate()
            settled = connection.execute(REVIVE if revive else FORGET_AGAIN).rowcount
        rows = {name: table.rows for name, table in manifest.tables.items()}
        return rows if revive else rows | {MEMORIES: rows[MEMORIES] - settled}


def preview(file: Path) -> Preview:
    """Counts what a restoration would replace and bring. Raises InputError when the file is not a backup."""
    with opened(file) as archive, connect() as connection:
        _check_tables(file, archive.manifest)
        memories = archive.manifest.tables[MEMORIES]
        if connection.execute("select to_regclass('dreams.tombstones')").fetchone() == (None,):
            return Preview(0, 0, memories.rows, 0)
        columns = [sql.SQL("{} text").format(sql.Identifier(name)) for name in memories.columns]
        made = sql.SQL("create temporary table backed_up ({}) on commit drop").format(sql.SQL(", ").join(columns))
        try:
            connection.execute(made)
            _read_table(connection, archive, MEMORIES, memories, into="backed_up")
            connection.execute(FORGOTTEN)
            counted = connection.execute(PREVIEW).fetchone()
        except (psycopg.DataError, psycopg.ProgrammingError) as error:
            raise archive.damaged(MEMORIES) from error
        return Preview(*(int(str(count)) for count in counted or ()))


@contextmanager
def _written(file: Path) -> Iterator[zipfile.ZipFile]:
    """A zip that its owner alone can read, and that gets its name only when the block succeeds."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError(f"{unfinished} cannot be written ({error.strerror}): name another folder") from error
    try:
        with os.fdopen(descriptor, "wb") as target, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            yield archive
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _tables(migrations: Iterable[str]) -> Sequence[str]:
    """The tables made by those migrations that a backup holds, referenced tables first."""
    made = tables_made_by(migrations) - LEFT_OUT
    return [name for name in FIRST if name in made] + sorted(made - set(FIRST))


def _applied(connection: Connection) -> list[str]:
    return [str(name) for (name,) in connection.execute("select name from dreams.migrations order by name")]


def _columns(connection: Connection, name: str) -> list[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"
        " and attgenerated = '' order by attnum",
        (name,),
    )
    return [str(column) for (column,) in rows]


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


def _copy_columns(name: str, columns: Sequence[str]) -> sql.Composable:
    return sql.SQL("{} ({})").format(_identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns)))


def _write_table(connection: Connection, archive: zipfile.ZipFile, name: str) -> Table:
    columns, digest, rows = _columns(connection, name), sha256(), 0
    with (
        archive.open(part_of(name), "w", force_zip64=True) as part,
        connection.cursor().copy(sql.SQL("copy {} to stdout").format(_copy_columns(name, columns))) as copy,
    ):
        for block in copy:
            rows += 1
            digest.update(block)
            part.write(block)
    return Table(columns=columns, rows=rows, sha256=digest.hexdigest())


def _check_tables(file: Path, manifest: Manifest) -> None:
    """Raises InputError unless the backup holds exactly the tables of its version."""
    newer = set(manifest.migrations) - {path.name for path in MIGRATIONS.glob("*.sql")}
    if newer:
        raise InputError(f"{file} was made by a later version ({min(newer)}): install that one, then restore")
    expected, found = set(_tables(manifest.migrations)), set(manifest.tables)
    if expected != found:
        raise InputError(
            f"{file} is not a backup of this store's tables (it differs in {', '.join(sorted(expected ^ found))}); "
            "nothing was restored: use another backup"
        )


def _check_target(connection: Connection, manifest: Manifest, replace: bool) -> None:
    if connection.execute("select 1 from public.memories limit 1").fetchone() and not replace:
        raise InputError("this store holds memories: restore into an empty one, or give --replace to discard these")
    for name, table in manifest.tables.items():
        missing = sorted(set(table.columns) - set(_columns(connection, name)))
        if missing:
            raise StoreUnsuitable(
                f"the backup has {name} with {', '.join(missing)}, which this store lacks: add it, then restore again"
            )


def _mark_changed(connection: Connection) -> None:
    """Marks every memory as changed for the lexical index; for a store older than that index, its migration does so."""
    if connection.execute("select to_regproc('dreams.mark_all_changed')").fetchone() != (None,):
        connection.execute("lock table public.memories")
        connection.execute("select dreams.mark_all_changed()")


def _move_queries(connection: Connection) -> None:
    """Moves the words of searches to where this store keeps them; an older store's migration does so."""
    if connection.execute("select to_regproc('dreams.move_queries')").fetchone() != (None,):
        connection.execute("select dreams.move_queries()")


@contextmanager
def _emptied(connection: Connection, names: Sequence[str]) -> Iterator[None]:
    """Empties tables, and disables their triggers for the duration of the block."""
    tables = [_identifier(name) for name in names]
    for table in tables:
        connection.execute(sql.SQL("alter table {} disable trigger user").format(table))
    try:
        connection.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(tables)))
    except psycopg.errors.FeatureNotSupported as error:
        raise StoreUnsuitable(
            f"a table of another program refers to this store ({error.diag.message_detail}): "
            "restore into a database of its own"
        ) from error
    yield
    for table in tables:
        connection.execute(sql.SQL("alter table {} enable trigger user").format(table))


def _read_table(
    connection: Connection, archive: BackupFile, name: str, table: Table, *, into: str | None = None
) -> None:
    cursor = connection.cursor()
    try:
        with cursor.copy(sql.SQL("copy {} from stdin").format(_copy_columns(into or name, table.columns))) as copy:
            for block in archive.blocks(name):
                copy.write(block)
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
        raise archive.damaged(name) from error
    if cursor.rowcount != table.rows:
        raise archive.damaged(name)
