"""The records that enter the store and those that it returns.

In: a `Document` is one thing to remember, an `Event` something that happened to it. Out: a `Memoir` is a memory in its
current state, an `Answer` holds the results of a search, each a `Recalled` with its reasons.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict, get_args
from uuid import UUID, uuid5

NAMESPACE = UUID("6f1f3c1e-5d0c-5c43-9b3a-0d6a5a6f4d52")
# The native id of an exported record, which keeps its id in any store.
EXPORTED = re.compile(r"(?:^|:)dreams:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")

EventKind = Literal[
    "created", "upserted", "edited", "opened", "cited", "listed", "reviewed", "rehearsed", "pinned", "unpinned"
]


@dataclass(frozen=True, slots=True)
class Document:
    """One thing to remember, as read from a source; a long one becomes several rows of `public.memories`.

    `source` and `native_id` identify it permanently: the same pair is the same memory, edited or not. An export also
    carries the ids of its chunks and, in `source_hash`, a hash of what its source last said.
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


class MemoryParts(TypedDict, total=False):
    """What a memory may have besides its content. `created_at` defaults to now."""

    context: str
    summary: str
    tags: Sequence[str]
    metadata: Mapping[str, object] | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """A memory's state until `valid_until`. `belongs_to` is the memory it is forgotten with, if not its own."""

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
    """An item of a source that could not be read; the rest of the source still loads."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many items of one kind (named in the plural) a source holds that do not become memories."""

    kind: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Remark:
    """Something the person should know or decide about an item of a source, which is kept either way."""

    where: str
    sentence: str


def identity(source: str, native_id: str) -> UUID:
    """UUIDv5 of a native identifier, the same on every machine and in every run; `dreams:<id>` gives `<id>` itself."""
    if exported := EXPORTED.search(native_id):
        return UUID(exported[1])
    return uuid5(NAMESPACE, f"{source}\x1f{native_id}")


Term = Literal[
    "dense",
    "lexical",
    "people",
    "asking",
    "assistant",
    "time",
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
# The confidence below which nothing sure was found: at most a tenth of the questions that can be answered fall below.
LEAST_SURE = 0.2
# The generator that answers with quotations alone.
EXTRACTIVE = "extractive"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which memories a search may find. Each field narrows it; an empty one does not.

    `tags`: the memory has all of them, or tags nested in them, ignoring case. `agent`: the memory's `metadata.agent`;
    memories that name none belong to "default", and "" means the same. `created_from` (inclusive) and `created_until`
    (exclusive): bounds on the creation date. `metadata`: JSON that the memory's metadata contains.
    """

    tags: Sequence[str] = ()
    agent: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Memoir:
    """A memory in its current state: one document, reassembled from its chunks."""

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
    """One result of a search: the memory, and why it was found.

    `relevance` is the sum of `terms`, each term's share in standard deviations above the score of a memory unrelated to
    the query; terms that were switched off are absent. `passage` is the chunk that matched best (the whole content if
    there is only one), `passage_id` its row, and `excerpt` the part of it nearest to the query. `duplicates` are nearly
    identical memories, folded into this one. `cosine_similarity` compares the query's vector with the excerpt's,
    `tag_similarity` with that of the tags, when the search gave tags a weight. `superseded_by` is the memory that
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
    excerpt: str
    duplicates: Sequence[UUID] = ()
    superseded_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells whether a search found what was asked.

    `similarity`: the largest cosine of the first results, None without a model. `coverage`: how much of what the
    question asks, by the rarity of its words, stands in one of them. `known`: how much of it stands in the store.
    `relevance`: that of the first result.
    """

    similarity: float | None
    coverage: float
    known: float
    relevance: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The results of a search, most relevant first.

    `confidence` is the probability that one of the first five results is what was asked, estimated from `signs`, which
    are None without results. `method` is "words" when the search used no query vector, else "full". `note` tells the
    person about limitations, e.g. that the model was not running. `respelled` maps query words that no memory contains
    to the similar words that were also searched for.
    """

    query_id: UUID
    query: str
    results: Sequence[Recalled]
    confidence: float
    signs: Signs | None
    method: Literal["full", "words"]
    note: str | None = None
    respelled: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_sure(self) -> bool:
        return self.confidence >= LEAST_SURE
