"""Reads the file of a backup: a zip with a manifest, checked completely before any of it is used.

The file is not trusted: nothing in it decides which tables exist, and no more is read than it declares.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from memories.errors import InputError

BLOCK_BYTES = 1 << 20
MANIFEST = "manifest.json"
LONGEST_MANIFEST_BYTES = 1 << 20
# Deflate packs at most 1032 bytes into one.
MOST_PACKED = 1032
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
REMEDY = "name a file made by `dreams db backup`"


class Table(BaseModel):
    """What a backup holds of one table."""

    columns: list[str] = Field(min_length=1)
    rows: int = Field(ge=0)
    sha256: str


class Manifest(BaseModel):
    """The format of a backup, the migrations of its store, and its tables."""

    format: Literal["codex-dreams backup"] = "codex-dreams backup"
    format_version: Literal[1] = 1
    migrations: list[str] = Field(min_length=1)
    tables: dict[str, Table]


class BackupFile:
    """An open backup, which holds exactly the parts that its manifest names."""

    def __init__(self, archive: zipfile.ZipFile, file: Path) -> None:
        self._archive = archive
        self._file = file
        self._check_sizes()
        self.manifest = self._read_manifest()
        self._check_parts()

    def blocks(self, table: str) -> Iterator[bytes]:
        """Yields the rows of a table as COPY writes them. Raises InputError when they cannot be unpacked."""
        try:
            with self._archive.open(part_of(table)) as part:
                while block := part.read(BLOCK_BYTES):
                    yield block
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise self.damaged(table) from error

    def check_rows(self) -> None:
        """Reads every table once. Raises InputError when one does not match its checksum."""
        for name, table in self.manifest.tables.items():
            digest = sha256()
            for block in self.blocks(name):
                digest.update(block)
            if digest.hexdigest() != table.sha256:
                raise self.damaged(name)

    def damaged(self, table: str) -> InputError:
        return InputError(f"{self._file} is damaged at {table}; nothing was restored: use another backup")

    def _check_sizes(self) -> None:
        parts = self._archive.infolist()
        if any(part.flag_bits & ENCRYPTED or part.compress_type not in METHODS for part in parts):
            raise InputError(f"{self._file} is packed unlike any backup: {REMEDY}")
        if sum(part.file_size for part in parts) > MOST_PACKED * self._file.stat().st_size:
            raise InputError(f"{self._file} declares more than a file of its size can hold: {REMEDY}")

    def _read_manifest(self) -> Manifest:
        try:
            if self._archive.getinfo(MANIFEST).file_size > LONGEST_MANIFEST_BYTES:
                raise InputError(f"{self._file} has a manifest longer than that of any backup: {REMEDY}")
            return Manifest.model_validate_json(self._archive.read(MANIFEST))
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise InputError(f"{self._file} has no manifest: {REMEDY}") from error
        except ValidationError as error:
            raise InputError(
                f"{self._file} has no manifest that this version can read: {REMEDY} of this version or an earlier one"
            ) from error

    def _check_parts(self) -> None:
        expected = sorted([MANIFEST, *map(part_of, self.manifest.tables)])
        if sorted(self._archive.namelist()) != expected:
            raise InputError(f"{self._file} does not hold what its manifest says: {REMEDY}")


@contextmanager
def opened(file: Path) -> Iterator[BackupFile]:
    """Opens a backup for reading. Raises InputError when the file is not one."""
    try:
        archive = zipfile.ZipFile(file)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"{file} is not a backup that can be read: {REMEDY}") from error
    with archive:
        yield BackupFile(archive, file)


def part_of(table: str) -> str:
    """The name in the zip of a table's rows."""
    return f"{table}.copy"
