"""Models of the MCP tools' structured answers, from which their output schemas are generated."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, RootModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from memories.records import Memoir
from memories.views.explanation import (
    Edge,
    Episode,
    Happening,
    Insight,
    Place,
    State,
)


class StoredAnswer(BaseModel):
    id: str


class FileAnswer(BaseModel):
    id: str
    file_path: str
    total_chunks: int


class PinnedAnswer(BaseModel):
    id: str
    pinned: bool


class RemainingAnswer(BaseModel):
    what: str
    until: str


class DeletedAnswer(BaseModel):
    id: str
    deleted: bool
    rows: int
    removed: Mapping[str, int]
    changed: Mapping[str, int]
    remains: Sequence[RemainingAnswer]


class StatisticsAnswer(RootModel[dict[str, Any]]):
    """Counts by name."""


class Noticed(BaseModel):
    """Base of the answers that quote memories; `notice` says how to treat the quotations."""

    notice: str


class MemoryAnswer(Noticed):
    memory: Memoir


class ResultAnswer(BaseModel):
    """One result: Codex's fields, then ours."""

    id: UUID
    content: str
    context: str
    summary: str
    tags: Sequence[str]
    chunk_index: int | None
    total_chunks: int | None
    parent_id: UUID | None
    created_at: datetime
    updated_at: datetime
    tag_similarity: float | None
    content_similarity: float | None
    combined_score: float | None
    semantic_cluster: int | None
    rank: int
    relevance: float
    terms: Mapping[str, float]
    document_id: UUID
    duplicates: Sequence[UUID]
    superseded_by: UUID | None
    query_id: UUID
    excerpt: str


class SearchAnswer(Noticed):
    query: str
    query_id: UUID
    count: int
    step: int
    threshold: float | None
    confidence: float
    method: str
    note: str | None
    respelled: Mapping[str, str]
    results: Sequence[ResultAnswer]


class QuotedAnswer(BaseModel):
    """A sentence of a memory, by the bytes of its content."""

    memory_id: UUID
    created_at: datetime
    text: str
    start_byte: int
    end_byte: int
    superseded_by: UUID | None


class AskedAnswer(Noticed):
    question: str
    query_id: UUID
    is_answered: bool
    confidence: float
    note: str | None
    quotes: Sequence[QuotedAnswer]
    misses: Sequence[UUID]


class ContextAnswer(Noticed):
    working_memory: Sequence[Mapping[str, Any]]
    episodes: Sequence[Mapping[str, Any]]


class ExplanationAnswer(Noticed):
    memory: Memoir
    state: State | None
    events: Sequence[Happening]
    edges: Sequence[Edge]
    episode: Episode | None
    insights: Sequence[Insight]
    event_count: int
    edge_count: int
    place: Place | None


class PlainSchema(GenerateJsonSchema):
    """Declares ids and dates as plain strings: JavaScript validators refuse a format that they do not know."""

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchemaValue:
        return {"type": "string"}

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return {"type": "string"}


def schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of an answer."""
    return TypeAdapter(answer).json_schema(mode="serialization", schema_generator=PlainSchema)
