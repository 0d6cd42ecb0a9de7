"""Reads JSON lines, one object a line: memories and what happened to them (docs/sources.md has the schema)."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import cast
from uuid import UUID

from ingest.sources.reading import fields
from ingest.sources.reading.fields import Fields
from ingest.sources.reading.source import OnBytes, Record, ignore
from ingest.sources.reading.storable import counts, merged, storable
from ingest.sources.reading.stream import (
    BROKEN_STREAM,
    LINE_LIMIT_BYTES,
    STANDARD_INPUT,
    UTF8_MARK,
    Line,
    check_readable,
    display,
    lines,
    opened,
)
from memories.errors import SourceError
from memories.records import EXPORTED, Document, Event, EventKind, Rejected, Version, identity

SOURCE = "jsonl"
SUFFIXES = (".jsonl", ".jsonl.gz")
NOT_LINES = {b"PK\x03\x04": "a zip archive", b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text"}
MEMORY_KEYS = {"type", "id", "content", "context", "summary", "tags", "metadata", "created_at", "updated_at"}
ACTIONS: dict[object, EventKind] = {"opened": "opened", "listed": "listed", "cited": "cited"}


def read(path: Path, *, source: str = SOURCE, on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """Reads a file, each `*.jsonl` and `*.jsonl.gz` in a folder, or standard input (`-`)."""
    paths = _files(path)
    return (record for each in paths for record in _read_file(each, source, on_bytes))


def size_bytes(path: Path) -> int | None:
    """How many bytes `read` will consume; None for standard input."""
    return None if path == STANDARD_INPUT else sum(each.stat().st_size for each in _files(path))


def _files(path: Path) -> list[Path]:
    if path == STANDARD_INPUT:
        return [path]
    check_readable(path)
    found = sorted(each for each in path.iterdir() if each.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    if not found:
        raise SourceError(f"{display(path)} holds no *.jsonl file: name a folder that does, or a file")
    if path.is_file():
        _check_format(path)
    return found


def _check_format(path: Path) -> None:
    with path.open("rb") as stream:
        start = stream.read(4)
    for mark, name in NOT_LINES.items():
        if start.startswith(mark):
            raise SourceError(f"{display(path)} is {name}, not JSON lines: give one JSON object a line, in UTF-8")


def _read_file(path: Path, source: str, on_bytes: OnBytes) -> Iterator[Record]:
    name = "standard input" if path == STANDARD_INPUT else display(path)
    number = 0
    try:
        with opened(path, on_bytes) as stream:
            for line in lines(stream):
                number = line.number
                yield from _read_line(line, name, source)
    except BROKEN_STREAM as error:
        yield Rejected(f"{name}:{number + 1}", f"the file cannot be read from here on: {error}")


def _read_line(line: Line, name: str, source: str) -> list[Record]:
    """The records of one line: all of them, or one `Rejected` in their place."""
    try:
        return list(_parse(line, source))
    except RecursionError:
        reason = "nested too deeply"
    except UnicodeDecodeError as error:
        reason = f"byte {line.offset_bytes + error.start} of the file is not UTF-8"
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg} at column {error.colno}"
    except ValueError as error:
        reason = str(error)
    return [Rejected(f"{name}:{line.number}", f"{reason}")]


def _parse(line: Line, source: str) -> Iterator[Document | Event | Version]:
    if line.data is None:
        raise ValueError(f"the line is longer than {LINE_LIMIT_BYTES // 1024**2} MiB: split it")
    text = _decoded(line)
    if not text.strip():
        return
    value = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object: write {…} on each line")
    replaced: Counter[str] = Counter()
    entry = cast(Fields, storable(value, replaced))
    kind = entry.get("type", "memory")
    if not isinstance(kind, str) or kind not in READERS:
        raise ValueError(f'unknown "type": write one of {", ".join(READERS)}')
    yield from READERS[kind](entry, source, replaced)


def _decoded(line: Line) -> str:
    data = cast(bytes, line.data)
    if line.offset_bytes == 0 and data.startswith(UTF8_MARK):
        # Blanks in place of the mark keep the byte offsets in error messages correct.
        data = b"   " + data[len(UTF8_MARK) :]
    return data.decode("utf-8")


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON: write null or a text")


def _memory(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Document]:
    content = fields.text(entry, "content")
    if not content.strip():
        raise ValueError('"content" is missing or blank: there is nothing to remember')
    if _is_exported(entry, "id"):
        yield _exported(entry, source, content)
        return
    metadata = _metadata_of(entry)
    unknown = {key: value for key, value in entry.items() if key not in MEMORY_KEYS}
    yield Document(
        source=source,
        native_id=sha256(content.encode()).hexdigest() if entry.get("id") is None else fields.identifier(entry, "id"),
        content=content,
        context=fields.text(entry, "context"),
        summary=fields.text(entry, "summary"),
        tags=fields.tags(entry),
        metadata=merged(merged(metadata, unknown), counts(replaced)),
        created_at=fields.moment_or_none(entry, "created_at"),
        updated_at=fields.moment_or_none(entry, "updated_at"),
    )


def _metadata_of(entry: Fields) -> dict[str, object]:
    metadata = {} if entry.get("metadata") is None else entry["metadata"]
    if not isinstance(metadata, dict):
        raise ValueError('"metadata" is not an object: write {…}')
    return metadata


def _is_exported(entry: Fields, key: str) -> bool:
    """Whether a store exported this: the key holds `dreams:` and an id, which the memory then keeps."""
    return isinstance(name := entry.get(key), str) and EXPORTED.fullmatch(name) is not None


def _exported(entry: Fields, source: str, content: str) -> Document:
    """A document as another store exported it, with its source, chunk ids and source hash."""
    name, metadata = fields.identifier(entry, "id"), _metadata_of(entry)
    native_id = fields.text(entry, "native_id")
    given = metadata.get("source")
    return Document(
        source=given if isinstance(given, str) else source,
        native_id=f"{native_id}:{name}" if native_id else name,
        content=content,
        context=fields.text(entry, "context"),
        summary=fields.text(entry, "summary"),
        tags=fields.tags(entry),
        metadata=metadata,
        created_at=fields.moment_or_none(entry, "created_at"),
        updated_at=fields.moment_or_none(entry, "updated_at"),
        chunk_ids=[UUID(str(each)) for each in fields.as_items(entry.get("chunk_ids"))],
        source_hash=bytes.fromhex(fields.text(entry, "source_hash")) or None,
    )


def _version(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Version]:
    if not _is_exported(entry, "memory"):
        raise ValueError('"memory" is not an exported id: write an earlier version as a line of the memory before it')
    number = entry.get("version")
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError('"version" is not a whole number: write 1 for the first')
    owner = fields.text(entry, "document")
    yield Version(
        document=_exported({**entry, "id": entry["memory"]}, source, fields.text(entry, "content")),
        number=number,
        valid_until=fields.moment(entry, "valid_until"),
        belongs_to=identity(source, owner) if owner else None,
    )


def _store(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Event]:
    yield _telling(entry, _simple_event(entry, source, "upserted", "store"))


def _telling(entry: Fields, event: Event) -> Event:
    """The event with the context and tags of the memory that the line gives."""
    return replace(
        event,
        context=None if entry.get("context") is None else fields.text(entry, "context"),
        tags=None if entry.get("tags") is None else fields.tags(entry),
    )


def _recall(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Event]:
    results = entry.get("results")
    if not isinstance(results, list):
        raise ValueError('"results" is not a list: write [{"memory": …, "action": …}]')
    occurred_at = fields.moment(entry, "occurred_at")
    is_named = entry.get("id") is not None or not all(_is_exported(fields.as_fields(each), "id") for each in results)
    identifier = fields.identifier(entry, "id") if is_named else None
    for rank, result in enumerate(results, start=1):
        fields_of_result = fields.as_fields(result)
        known = _is_exported(fields_of_result, "id")
        action = fields_of_result.get("action")
        if not isinstance(action, str) or action not in ACTIONS:
            raise ValueError(f'result {rank} has an unknown "action": write one of {", ".join(map(str, ACTIONS))}')
        yield Event(
            source=source,
            event_native_id=f"recall:{fields_of_result['id'] if known else f'{identifier}:{rank}'}",
            memory_native_id=fields.identifier(fields_of_result, "memory"),
            kind=ACTIONS[action],
            occurred_at=fields.moment(fields_of_result, "occurred_at") if known else occurred_at,
            query_native_id=identifier,
            query=fields.text(entry, "query"),
            rank=fields.number_or_none(fields_of_result, "rank") if known else rank,
        )


def _review(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Event]:
    grade = entry.get("grade")
    if isinstance(grade, bool) or not isinstance(grade, int) or not 1 <= grade <= 4:
        raise ValueError('"grade" is not 1, 2, 3 or 4 (again, hard, good, easy)')
    yield _simple_event(entry, source, "reviewed", "review", grade)


def _pin(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Event]:
    yield _simple_event(entry, source, "pinned", "pin")


def _create(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Event]:
    yield _telling(entry, _simple_event(entry, source, "created", "create"))


def _edit(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Event]:
    yield _simple_event(entry, source, "edited", "edit")


def _unpin(entry: Fields, source: str, replaced: Counter[str]) -> Iterator[Event]:
    yield _simple_event(entry, source, "unpinned", "unpin")


def _simple_event(entry: Fields, source: str, kind: EventKind, line_type: str, grade: int | None = None) -> Event:
    return Event(
        source=source,
        event_native_id=f"{line_type}:{fields.identifier(entry, 'id')}",
        memory_native_id=fields.identifier(entry, "memory"),
        kind=kind,
        occurred_at=fields.moment(entry, "occurred_at"),
        grade=grade,
    )


LineReader = Callable[[Fields, str, Counter[str]], Iterator[Document | Event] | Iterator[Version]]
READERS: dict[str, LineReader] = {
    "memory": _memory,
    "store": _store,
    "recall": _recall,
    "review": _review,
    "pin": _pin,
    "unpin": _unpin,
    "create": _create,
    "edit": _edit,
    "version": _version,
}
