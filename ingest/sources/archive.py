"""The conversations of a chat export: a zip, the folder it was unpacked to, or the conversations.json within."""

import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, cast

from ingest.sources.array import begins_array, elements
from ingest.sources.fields import Fields
from ingest.sources.source import OnBytes, ignore
from ingest.sources.stream import BUFFER_BYTES, Counted, check_readable, display
from memories.errors import SourceError
from memories.records import Rejected

CONVERSATIONS = re.compile(r"(?:^|/)conversations(?:[-_]\d+)?\.json$")
BOMB_SIZE_BYTES = 100 * 1024 * 1024
BOMB_RATIO = 200
LOOK_AHEAD = 20
KINDS = {"chatgpt": "mapping", "claude": "chat_messages"}
# what zipfile and its decompressors raise on damaged archives
UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError)
REMEDY = "ask for a new export and give its zip as it came"


class Part(NamedTuple):
    """A file of conversations; `member` names it inside the zip at `path`."""

    path: Path
    member: str | None
    size_bytes: int

    @property
    def where(self) -> str:
        return display(self.path) if self.member is None else f"{display(self.path)}/{self.member}"


class Conversation(NamedTuple):
    where: str
    fields: Fields


def parts(path: Path) -> list[Part]:
    """The files of conversations in an export; `SourceError` when it holds none."""
    check_readable(path)
    if path.is_dir():
        paths = sorted(each for each in path.iterdir() if CONVERSATIONS.search(each.name))
        found = [Part(each, None, each.stat().st_size) for each in paths]
    elif zipfile.is_zipfile(path):
        found = members(path)
    elif path.suffix.lower() == ".zip":
        raise SourceError(f"{display(path)} is not a whole zip archive: {REMEDY}.")
    else:
        found = [Part(path, None, path.stat().st_size)]
    if not found:
        raise SourceError(f"{display(path)} holds no conversations.json: {REMEDY}.")
    return found


def members(path: Path) -> list[Part]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [each for each in archive.infolist() if CONVERSATIONS.search(each.filename)]
    except UNREADABLE as error:
        raise SourceError(f"{display(path)} is a damaged zip archive ({error}): {REMEDY}.") from error
    for entry in entries:
        if entry.flag_bits & 1:
            raise SourceError(f"{display(path)} is encrypted: unpack it with its password and give the folder.")
        if entry.file_size > BOMB_SIZE_BYTES and entry.file_size > BOMB_RATIO * entry.compress_size:
            raise SourceError(f"{display(path)} swells more than {BOMB_RATIO} times, as no export does: {REMEDY}.")
    return [Part(path, each.filename, each.file_size) for each in sorted(entries, key=lambda each: each.filename)]


@contextmanager
def opened(part: Part, on_bytes: OnBytes) -> Iterator[io.BufferedReader]:
    if part.member is None:
        with part.path.open("rb") as below:
            yield io.BufferedReader(Counted(below.read1, on_bytes), BUFFER_BYTES)
    else:
        with zipfile.ZipFile(part.path) as archive, archive.open(part.member) as member:
            yield io.BufferedReader(Counted(cast(zipfile.ZipExtFile, member).read1, on_bytes), BUFFER_BYTES)


def conversations(path: Path, key: str, on_bytes: OnBytes = ignore) -> Iterator[Conversation | Rejected]:
    """Each conversation of an export whose conversations have `key`; `SourceError` at once when none has."""
    found = parts(path)
    check_arrays(found)
    check_kind(path, found, key)
    return (each for part in found for each in read_part(part, on_bytes))


def check_arrays(found: list[Part]) -> None:
    for part in found:
        try:
            with opened(part, ignore) as stream:
                is_array = begins_array(stream)
        except UNREADABLE as error:
            raise SourceError(f"{part.where} cannot be read ({error}): {REMEDY}.") from error
        if not is_array:
            raise SourceError(f"{part.where} is not a JSON list of conversations: {REMEDY}.")


def check_kind(path: Path, found: list[Part], key: str) -> None:
    """Look for one conversation of the right kind among the first ones: some of them may be faulty."""
    keys: set[str] = set()
    first = islice((each for part in found for each in read_part(part, ignore)), LOOK_AHEAD)
    is_empty = True
    for each in first:
        is_empty = False
        keys |= each.fields.keys() if isinstance(each, Conversation) else set()
        if key in keys:
            return
    if not is_empty:
        hint = next((f"try the source {name}" for name, mark in KINDS.items() if mark in keys), REMEDY)
        raise SourceError(f'{display(path)} holds no conversation with "{key}": {hint}.')


def read_part(part: Part, on_bytes: OnBytes) -> Iterator[Conversation | Rejected]:
    number = 0
    try:
        with opened(part, on_bytes) as stream:
            begins_array(stream)
            for number, element in enumerate(elements(stream), start=1):
                yield read_element(f"{part.where}, conversation {number}", element)
    except UNREADABLE as error:
        reason = f"the file cannot be read from here on ({error}): {REMEDY}."
        yield Rejected(f"{part.where}, after conversation {number}", reason)


def read_element(where: str, element: bytes | None) -> Conversation | Rejected:
    if element is None:
        return Rejected(where, "it is larger than 256 MiB.")
    try:
        value = json.loads(element.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return Rejected(where, f"it is not JSON in UTF-8 ({error}).")
    if not isinstance(value, dict):
        return Rejected(where, "it is not a JSON object.")
    return Conversation(where, cast(Fields, value))
