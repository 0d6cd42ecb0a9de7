"""Keeps the whole store in one file and brings it back byte for byte. Called by `dreams db backup` and `restore`.

The file is a zip: `manifest.json`, and for each table what Postgres's own COPY writes. `dreams.content_changes` is not
in it: it tells of the transactions of one server.
"""

import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

from psycopg import sql
from pydantic import BaseModel, Field, ValidationError

from memories.database import Connection, connect
from memories.errors import InputError, StoreUnsuitable
from memories.migrate import migrate

BLOCK_BYTES = 1 << 20
LEFT_OUT = ["migrations", "content_changes"]


class Table(BaseModel):
    """What a backup holds of one table."""

    columns: list[str]
    rows: int
    sha256: str


class Manifest(BaseModel):
    """What a backup is, and how the store it was made of stood."""

    format: Literal["codex-dreams backup"] = "codex-dreams backup"
    format_version: Literal[1] = 1
    migrations: list[str] = Field(min_length=1)
    tables: dict[str, Table]


def backup(file: Path, database_url: str | None = None) -> Mapping[str, int]:
    """Writes every table, as of one instant; returns the rows of each. The file appears only when it is whole.

    Raises InputError when the file exists already or its folder does not.
    """
    if file.exists():
        raise InputError(f"{file} exists: name a file that does not, so that no backup is lost")
    if not file.parent.is_dir():
        raise InputError(f"the folder {file.parent} does not exist: make it, or name another")
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with connect(database_url) as connection, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            connection.execute("set transaction isolation level repeatable read read only")
            tables = {name: _write_table(connection, archive, name) for name in _tables(connection)}
            manifest = Manifest(migrations=_applied(connection), tables=tables)
            archive.writestr("manifest.json", manifest.model_dump_json(indent=1))
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return {name: table.rows for name, table in tables.items()}


def restore(file: Path, database_url: str | None = None, *, replace: bool = False) -> Mapping[str, int]:
    """Fills an empty store from a backup, in one transaction, and migrates it to this version; returns rows by table.

    Raises InputError when the file is no backup or is damaged, or when the store holds memories and `replace` is not
    set; then nothing was changed.
    """
    with _opened(file) as archive:
        manifest = _manifest(archive, file)
        migrate(database_url, until=manifest.migrations[-1])
        with connect(database_url) as connection:
            _check_target(connection, manifest, replace)
            connection.execute("set constraints all deferred")
            _mark_changed(connection)
            _empty(connection, manifest.tables)
            for name, table in manifest.tables.items():
                _read_table(connection, archive, file, name, table)
            _mark_changed(connection)
        migrate(database_url)
        return {name: table.rows for name, table in manifest.tables.items()}


def _tables(connection: Connection) -> Sequence[str]:
    """Tables in an order in which what is referred to comes first."""
    rows = connection.execute(
        "select schemaname || '.' || tablename from pg_tables where schemaname = 'dreams' and tablename <> all(%s)"
        " order by tablename <> 'cycles', tablename",
        (LEFT_OUT,),
    ).fetchall()
    return ["public.memories", *(str(name) for (name,) in rows)]


def _applied(connection: Connection) -> list[str]:
    return [str(name) for (name,) in connection.execute("select name from dreams.migrations order by name")]


def _columns(connection: Connection, name: str) -> list[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"
        " and attgenerated = '' order by attnum",
        (name,),
    )
    return [str(column) for (column,) in rows]


def _copy_columns(name: str, columns: Sequence[str]) -> sql.Composable:
    schema, table = name.split(".")
    return sql.SQL("{} ({})").format(sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, columns)))


def _write_table(connection: Connection, archive: zipfile.ZipFile, name: str) -> Table:
    columns, digest, rows = _columns(connection, name), sha256(), 0
    with (
        archive.open(f"{name}.copy", "w", force_zip64=True) as part,
        connection.cursor().copy(sql.SQL("copy {} to stdout").format(_copy_columns(name, columns))) as copy,
    ):
        for block in copy:
            rows += 1
            digest.update(block)
            part.write(block)
    return Table(columns=columns, rows=rows, sha256=digest.hexdigest())


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is not a backup that can be read: name a file made by `dreams db backup`") from error


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(archive.read("manifest.json"))
    except (KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} has no manifest: name a file made by `dreams db backup`") from error
    except ValidationError as error:
        raise InputError(f"{file} was made by another version: restore it with that version, then upgrade") from error


def _check_target(connection: Connection, manifest: Manifest, replace: bool) -> None:
    if connection.execute("select 1 from public.memories limit 1").fetchone() and not replace:
        raise InputError("this store holds memories: restore into an empty one, or give --replace to lose these")
    for name, table in manifest.tables.items():
        missing = sorted(set(table.columns) - set(_columns(connection, name)))
        if missing:
            raise StoreUnsuitable(
                f"the backup has {name} with {', '.join(missing)}, which this store has not: add it, then restore again"
            )


def _mark_changed(connection: Connection) -> None:
    """Tells the lexical index of every memory; a store of before that index learns it when it is migrated."""
    if connection.execute("select to_regproc('dreams.mark_all_changed')").fetchone() != (None,):
        connection.execute("lock table public.memories")
        connection.execute("select dreams.mark_all_changed()")


def _empty(connection: Connection, names: Iterable[str]) -> None:
    for name in names:
        connection.execute(sql.SQL("alter table {} disable trigger user").format(sql.Identifier(*name.split("."))))
    connection.execute(
        sql.SQL("truncate {}").format(sql.SQL(", ").join(sql.Identifier(*name.split(".")) for name in names))
    )


def _read_table(connection: Connection, archive: zipfile.ZipFile, file: Path, name: str, table: Table) -> None:
    digest = sha256()
    try:
        with (
            archive.open(f"{name}.copy") as part,
            connection.cursor().copy(sql.SQL("copy {} from stdin").format(_copy_columns(name, table.columns))) as copy,
        ):
            while block := part.read(BLOCK_BYTES):
                digest.update(block)
                copy.write(block)
    except (KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is damaged at {name}; nothing was restored: use another backup") from error
    if digest.hexdigest() != table.sha256:
        raise InputError(f"{file} is damaged at {name}; nothing was restored: use another backup")
    connection.execute(sql.SQL("alter table {} enable trigger user").format(sql.Identifier(*name.split("."))))
