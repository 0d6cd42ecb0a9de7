"""Finds the files of a chat export: in its zip, its unpacked folder, a folder around either, or one by itself."""

import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingest.sources.reading.stream import check_readable, display
from memories.errors import SourceError

CONVERSATIONS = re.compile(r"(?:^|/)conversations(?:[-_]\d+)?\.json$")
READ = re.compile(r"(?:^|/)(?:conversations|projects|memories)(?:[-_]\d+)?(?:/[^/]+)?\.json$")
DEPTH_LIMIT = 3
BOMB_SIZE_BYTES = 100 * 1024 * 1024
BOMB_RATIO = 200
# For the list of files at the end of a zip: some 200,000 names.
DIRECTORY_LIMIT_BYTES = 16 * 1024 * 1024
END_BYTES = 66_000
# What zipfile and its decompressors raise on damaged archives.
UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError)
REMEDY = "request a new export and give its zip as you received it"


class ArchivePart(NamedTuple):
    """A file of an export; `member` names it inside the zip at `path`."""

    path: Path
    member: str | None
    size_bytes: int

    @property
    def where(self) -> str:
        return display(self.path) if self.member is None else f"{display(self.path)}/{self.member}"

    @property
    def name(self) -> str:
        return self.path.as_posix() if self.member is None else self.member


class Export(NamedTuple):
    """The conversation files of an export, and its other files."""

    conversations: list[ArchivePart]
    besides: list[ArchivePart]

    @property
    def size_bytes(self) -> int:
        return sum(each.size_bytes for each in (*self.conversations, *filter(is_read, self.besides)))


def export(path: Path) -> Export:
    """Finds the files of an export. Raises SourceError when it holds no conversations."""
    check_readable(path)
    if path.is_file() and not zipfile.is_zipfile(path) and path.suffix.lower() != ".zip":
        return Export([ArchivePart(path, None, path.stat().st_size)], [])
    found = _in_folder(path) if path.is_dir() else _members(path)
    conversations = [each for each in found if CONVERSATIONS.search(each.name)]
    if not conversations:
        raise SourceError(f"{display(path)} holds no conversations.json: {REMEDY}")
    folders = tuple(f"{each.where.rpartition('/')[0]}/" for each in conversations)
    besides = [each for each in found if each not in conversations and each.where.startswith(folders)]
    return Export(conversations, besides)


def _in_folder(folder: Path) -> list[ArchivePart]:
    """The files of a folder, down to DEPTH_LIMIT; if none holds conversations, the files in its zips."""
    found = list(_walked(folder))
    if any(CONVERSATIONS.search(each.name) for each in found):
        return found
    return [part for each in found if zipfile.is_zipfile(each.path) for part in _members(each.path)]


def _walked(folder: Path) -> Iterator[ArchivePart]:
    for parent, folder_names, file_names in os.walk(folder):
        depth = len(Path(parent).relative_to(folder).parts)
        folder_names[:] = sorted(name for name in folder_names if not name.startswith(".") and depth < DEPTH_LIMIT)
        for path in (Path(parent, name) for name in sorted(file_names) if not name.startswith(".")):
            if path.is_file():
                yield ArchivePart(path, None, path.stat().st_size)


def _members(path: Path) -> list[ArchivePart]:
    """The files in a zip. Raises SourceError when it is damaged, encrypted or a zip bomb."""
    if not zipfile.is_zipfile(path):
        raise SourceError(f"{display(path)} is not a whole zip archive: {REMEDY}")
    if _directory_bytes(path) > DIRECTORY_LIMIT_BYTES:
        raise SourceError(f"{display(path)} names more files than any export does: {REMEDY}")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
    except UNREADABLE as error:
        raise SourceError(f"{display(path)} is a damaged zip archive ({error}): {REMEDY}") from error
    _check_entries(path, [each for each in entries if READ.search(each.filename)])
    return [
        ArchivePart(path, each.filename, each.file_size) for each in sorted(entries, key=lambda each: each.filename)
    ]


def _directory_bytes(path: Path) -> int:
    """The size of a zip's list of files, which zipfile reads whole."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - END_BYTES))
        end = stream.read()
    plain, long = end.rfind(b"PK\x05\x06"), end.rfind(b"PK\x06\x06")
    listed = int.from_bytes(end[long + 40 : long + 48] if long >= 0 else end[plain + 12 : plain + 16], "little")
    return min(listed, size)


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Raises SourceError when entries are encrypted, compressed in an unusual way, or a zip bomb."""
    size_bytes, swelling = path.stat().st_size, BOMB_RATIO
    for entry in entries:
        if entry.flag_bits & 1:
            raise SourceError(f"{display(path)} is encrypted: unpack it with its password and give the folder")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SourceError(f"{display(path)} is packed in an unusual way: unpack it and give the folder")
        if entry.file_size > BOMB_SIZE_BYTES and entry.file_size > swelling * entry.compress_size:
            raise SourceError(f"{display(path)} expands more than {swelling} times, as no export does: {REMEDY}")
    if (total := sum(each.file_size for each in entries)) > BOMB_SIZE_BYTES and total > swelling * size_bytes:
        raise SourceError(f"{display(path)} expands more than {swelling} times, as no export does: {REMEDY}")


def is_read(part: ArchivePart) -> bool:
    return READ.search(part.name) is not None
