"""What enters the store: a `Document` is one thing remembered, an `Event` is something that happened to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

NAMESPACE = UUID("6f1f3c1e-5d0c-5c43-9b3a-0d6a5a6f4d52")

EventKind = Literal[
    "created", "upserted", "edited", "opened", "cited", "listed", "reviewed", "rehearsed", "pinned", "unpinned"
]


@dataclass(frozen=True, slots=True)
class Document:
    """One thing to remember, as a source gives it; a long one becomes several rows of `public.memories`.

    `native_id` names it within `source` for ever: the same pair is the same memory, edited or not.
    """

    source: str
    native_id: str
    content: str
    context: str = ""
    summary: str = ""
    tags: Sequence[str] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def id(self) -> UUID:
        return identity(self.source, self.native_id)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a memory: a store, a recall, a review, a pin.

    `memory_native_id` and `source` name the memory; `event_native_id` names the event within the source, so that
    reading it again adds nothing.
    """

    source: str
    event_native_id: str
    memory_native_id: str
    kind: EventKind
    occurred_at: datetime
    grade: int | None = None
    query_native_id: str | None = None
    query: str | None = None
    rank: int | None = None
    context: str | None = None
    tags: Sequence[str] | None = None

    @property
    def id(self) -> UUID:
        return identity(self.source, f"event:{self.event_native_id}")

    @property
    def memory_id(self) -> UUID:
        return identity(self.source, self.memory_native_id)

    @property
    def query_id(self) -> UUID | None:
        return None if self.query_native_id is None else identity(self.source, f"query:{self.query_native_id}")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A thing in a source that could not be read; everything else in the source still loads."""

    where: str
    reason: str


def identity(source: str, native_id: str) -> UUID:
    """UUIDv5 of a native identifier: the same on every machine and in every run."""
    return uuid5(NAMESPACE, f"{source}\x1f{native_id}")
