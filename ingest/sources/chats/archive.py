"""Reads the conversations and other JSON objects in the files of a chat export, one at a time."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple, cast

from ingest.sources.chats.export import (
    REMEDY,
    UNREADABLE,
    ArchivePart,
    Export,
)
from ingest.sources.reading.array import elements, first_byte
from ingest.sources.reading.fields import Fields
from ingest.sources.reading.source import OnBytes, ignore
from ingest.sources.reading.stream import (
    BUFFER_BYTES,
    LINE_LIMIT_BYTES,
    Counted,
    display,
)
from memories.errors import SourceError
from memories.records import LeftOut, Rejected

LOOK_AHEAD = 20
KINDS = {"chatgpt": "mapping", "claude": "chat_messages"}
# A comma precedes each value but the first, so counting commas bounds the memory that parsing takes.
COMMAS_LIMIT = 2_000_000


class Conversation(NamedTuple):
    where: str
    fields: Fields


@contextmanager
def _opened(part: ArchivePart, archive: zipfile.ZipFile | None, on_bytes: OnBytes) -> Iterator[io.BufferedReader]:
    if archive is None or part.member is None:
        with part.path.open("rb") as below:
            yield io.BufferedReader(Counted(below.read1, on_bytes), BUFFER_BYTES)
    else:
        with archive.open(part.member) as member:
            yield io.BufferedReader(Counted(cast(zipfile.ZipExtFile, member).read1, on_bytes), BUFFER_BYTES)


def conversations(path: Path, found: Export, key: str, on_bytes: OnBytes = ignore) -> Iterator[Conversation | Rejected]:
    """Reads each conversation of an export. Raises SourceError at once when none of the first few has `key`."""
    _check_kind(path, found.conversations, key)
    return read_parts(found.conversations, on_bytes)


def _check_kind(path: Path, found: list[ArchivePart], key: str) -> None:
    """Looks for `key` in the first conversations, as some may be faulty. Raises SourceError when none has it."""
    keys: set[str] = set()
    fault: Rejected | None = None
    is_empty = True
    for each in islice(read_parts(found, ignore), LOOK_AHEAD):
        is_empty = False
        if isinstance(each, Conversation):
            keys |= each.fields.keys()
        else:
            fault = fault or each
        if key in keys:
            return
    if is_empty:
        return
    hint = next((f"try the source {name}" for name, mark in KINDS.items() if mark in keys), REMEDY)
    reason = f" ({fault.where}: {fault.reason.rstrip('')})" if fault and not keys else ""
    raise SourceError(f'{display(path)} holds no conversation with "{key}"{reason}: {hint}')


def read_parts(parts: list[ArchivePart], on_bytes: OnBytes) -> Iterator[Conversation | Rejected]:
    """Reads the objects in these files; opens each zip once."""
    for (path, is_member), group in groupby(parts, key=lambda part: (part.path, part.member is not None)):
        with zipfile.ZipFile(path) if is_member else nullcontext() as archive:
            for part in group:
                yield from _read_part(part, archive, on_bytes)


def _read_part(
    part: ArchivePart, archive: zipfile.ZipFile | None, on_bytes: OnBytes
) -> Iterator[Conversation | Rejected]:
    number = 0
    try:
        with _opened(part, archive, on_bytes) as stream:
            for number, element in enumerate(_objects(stream), start=1):
                yield _read_element(f"{part.where}, conversation {number}", element)
    except UNREADABLE as error:
        reason = f"the file cannot be read from here on ({error}): {REMEDY}"
        yield Rejected(f"{part.where}, after conversation {number}", reason)


def _objects(stream: io.BufferedReader) -> Iterator[bytes | None]:
    """The elements of a list, or the one object in its place; None for one above the limit. Else raises ValueError."""
    beginning = first_byte(stream)
    if beginning == b"[":
        yield from elements(stream)
    elif beginning == b"{":
        element = beginning + stream.read(LINE_LIMIT_BYTES)
        yield element if len(element) <= LINE_LIMIT_BYTES else None
    else:
        raise ValueError("it is neither a JSON list nor an object")


def _read_element(where: str, element: bytes | None) -> Conversation | Rejected:
    if element is None:
        return Rejected(where, "it is larger than 256 MiB")
    if element.count(b",") > COMMAS_LIMIT:
        return Rejected(where, f"it holds more than {COMMAS_LIMIT} values")
    try:
        value = json.loads(element.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return Rejected(where, f"it is not JSON in UTF-8 ({error})")
    if not isinstance(value, dict):
        return Rejected(where, "it is not a JSON object")
    return Conversation(where, cast(Fields, value))


def left_out(parts: list[ArchivePart]) -> Iterator[LeftOut]:
    """Counts the files that are not read: JSON and HTML files by name, all others together."""
    names = (part.name.rpartition("/")[2] for part in parts)
    kinds = Counter(name if name.endswith((".json", ".html")) else "other files of the export" for name in names)
    return (LeftOut(kind, count) for kind, count in kinds.items())
