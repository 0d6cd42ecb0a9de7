"""What a source is: a reader of documents and events from something people have."""

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
    """The progress callback of those who do not ask for progress."""


class Reader(Protocol):
    """Checks the path at once (`SourceError`), then yields records lazily, calling `on_bytes` as it consumes."""

    def __call__(self, path: Path, *, on_bytes: OnBytes = ignore) -> Iterator[Record]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A reader with its one-line description and the size its `on_bytes` will add up to (None: not known)."""

    description: str
    read: Reader
    size_bytes: Callable[[Path], int | None]


def said_hash(document: Document) -> bytes:
    """A hash of all that a source says of a document: the same hash as last time means that nothing changed."""
    if document.source_hash is not None:
        return document.source_hash
    said = (
        document.content, document.context, document.summary, list(document.tags), document.metadata,
        document.created_at and in_utc(document.created_at).isoformat(),
    )  # fmt: skip
    return sha256(json.dumps(said, sort_keys=True).encode()).digest()
