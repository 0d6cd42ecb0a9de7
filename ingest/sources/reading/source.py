"""Defines a source: a reader of documents and events, its description, and its size."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from memories.instant import in_utc
from memories.records import Document, Event, LeftOut, Rejected, Remark, Version

Record = Document | Event | Version | Rejected | LeftOut | Remark
OnBytes = Callable[[int], None]


def ignore(count: int) -> None:
    """A progress callback that does nothing."""


class Reader(Protocol):
    """Checks the path at once (SourceError), then yields records lazily and passes the bytes read to `on_bytes`."""

    def __call__(self, path: Path, *, on_bytes: OnBytes = ignore) -> Iterator[Record]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A reader, its one-line description, and the size that its `on_bytes` counts add up to (None when unknown)."""

    description: str
    read: Reader
    size_bytes: Callable[[Path], int | None]


def said_hash(document: Document) -> bytes:
    """Hashes all that a source says about a document, unless it brings its hash; an equal hash means no change."""
    if document.source_hash is not None:
        return document.source_hash
    said = (
        document.content, document.context, document.summary, list(document.tags), document.metadata,
        document.created_at and in_utc(document.created_at).isoformat(),
    )  # fmt: skip
    return sha256(json.dumps(said, sort_keys=True).encode()).digest()
