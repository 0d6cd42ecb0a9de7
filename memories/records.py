"""What enters the store, and what comes back from it.

In: a `Document` is one thing remembered, an `Event` is something that happened to one. Out: a `Memoir` is one thing
remembered as it stands, an `Answer` is what a search found, `Recalled` by `Recalled`, each with its reasons.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID, uuid5

NAMESPACE = UUID("6f1f3c1e-5d0c-5c43-9b3a-0d6a5a6f4d52")
# The native id of what a store exported: it keeps its id in any other.
EXPORTED = re.compile(r"(?:^|:)dreams:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")

EventKind = Literal[
    "created", "upserted", "edited", "opened", "cited", "listed", "reviewed", "rehearsed", "pinned", "unpinned"
]


@dataclass(frozen=True, slots=True)
class Document:
    """One thing to remember, as a source gives it; a long one becomes several rows of `public.memories`.

    `native_id` names it within `source` for ever: the same pair is the same memory, edited or not. What a store
    exported besides says which ids its chunks have, and by `source_hash` what its source last said of it.
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
    chunk_ids: Sequence[UUID] = ()
    source_hash: bytes | None = None

    @property
    def id(self) -> UUID:
        return identity(self.source, self.native_id)


@dataclass(frozen=True, slots=True)
class Version:
    """What a memory said until `valid_until`; `belongs_to` is the memory with which it is forgotten, if not its own."""

    document: Document
    number: int
    valid_until: datetime
    belongs_to: UUID | None = None


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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Things of one kind, named in the plural, that a source holds and no memory is made of."""

    kind: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Remark:
    """What the person should know, or decide, about something in a source; whatever it is, it is kept."""

    where: str
    sentence: str


def identity(source: str, native_id: str) -> UUID:
    """UUIDv5 of a native identifier, the same on every machine and in every run; `dreams:` and an id is that id."""
    if exported := EXPORTED.search(native_id):
        return UUID(exported[1])
    return uuid5(NAMESPACE, f"{source}\x1f{native_id}")


Term = Literal[
    "dense",
    "lexical",
    "people",
    "asking",
    "temporal",
    "episode",
    "hebbian",
    "semantic",
    "entity",
    "retrievability",
    "supersession",
    "tags",
]
TERMS: tuple[Term, ...] = get_args(Term)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which memories a search may find. Each field narrows it; an empty one does not.

    `tags`: the memory has all of them, or tags nested in them, in any case. `agent`: whose memory it is
    (`metadata.agent`; those that name none are of "default", and so is "").
    `created_from` (inclusive) and `created_until` (exclusive): when it was made. `metadata`: it contains this JSON.
    """

    tags: Sequence[str] = ()
    agent: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Memoir:
    """One thing remembered, as it stands in the store: all chunks of a document, put together again."""

    id: UUID
    content: str
    context: str
    summary: str
    tags: Sequence[str]
    metadata: Mapping[str, object]
    created_at: datetime
    updated_at: datetime
    total_chunks: int = 1


@dataclass(frozen=True, slots=True)
class Recalled:
    """One result of a search: the memory, and why it came.

    `relevance` is the sum of `terms`, each term's own share (in standard deviations above what a memory that has
    nothing to do with the query would get); a term that was switched off is not in it. `passage` is the chunk that
    matched best, the whole content when it has one chunk only, and `passage_id` the row it stands in. `duplicates`
    are memories that say nearly the same, folded into this one. `cosine_similarity` is that of the query's vector and
    the passage's; `tag_similarity` that of the tags', where tags were asked for. `superseded_by` is the memory that has
    replaced this one.
    """

    memory: Memoir
    rank: int
    relevance: float
    terms: Mapping[Term, float]
    cosine_similarity: float | None
    tag_similarity: float | None
    passage: str
    passage_id: UUID
    duplicates: Sequence[UUID] = ()
    superseded_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, the most relevant first.

    `method` is "words" when no vector of the query took part, else "full". `note` says what a person should know of
    how it was answered, e.g. that the model was not running. `respelled` has the words of the query that no memory has,
    each with the word of a memory that was searched for as well.
    """

    query_id: UUID
    query: str
    results: Sequence[Recalled]
    method: Literal["full", "words"]
    note: str | None = None
    respelled: Mapping[str, str] = field(default_factory=dict)
