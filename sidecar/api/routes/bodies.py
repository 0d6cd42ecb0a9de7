"""Request and response bodies of the memories routes. OpenAPI describes every field; unknown fields are refused."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from memories.limits import (
    LONGEST_AGENT_CHARACTERS,
    LONGEST_NOTE_CHARACTERS,
    LONGEST_QUERY_CHARACTERS,
    LONGEST_TAG_CHARACTERS,
    MOST_RESULTS,
    MOST_TAGS,
)
from memories.records import Filters, Term
from memories.views.explanation import (
    Edge,
    Episode,
    Happening,
    Insight,
    State,
)
from sidecar.api.text import Instant, InUtc, JsonObject, Kept, Whole, Words

TagText = Annotated[Kept, Field(min_length=1, max_length=LONGEST_TAG_CHARACTERS)]
Tags = Annotated[list[TagText], Field(max_length=MOST_TAGS)]
Content = Annotated[Words, Field(description="What to remember, kept verbatim; a long one is stored in chunks.")]
Context = Annotated[Kept, Field(max_length=LONGEST_NOTE_CHARACTERS, description="Where or why it was noted.")]
Summary = Annotated[Kept, Field(max_length=LONGEST_NOTE_CHARACTERS, description="A gist.")]
Metadata = Annotated[JsonObject, Field(description="Anything else that is known of it: agent, project, people, place.")]


class Given(BaseModel):
    """Base of the request bodies; refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class NewMemory(Given):
    content: Content
    context: Context = ""
    summary: Summary = ""
    tags: Tags = Field(default=[], description="Words to find it by.")
    metadata: Metadata = {}
    created_at: Instant | None = Field(default=None, description="When it happened, if not now.")


class ChangesBody(Given):
    """ChangesBody to a memory; a field that is left out or null stays as it is."""

    content: Content | None = None
    context: Context | None = None
    summary: Summary | None = None
    tags: Tags | None = Field(default=None, description="In place of those it had.")
    metadata: JsonObject | None = Field(default=None, description="In place of what it had.")


class Narrowing(Given):
    """Filters of a search: each given field narrows the results."""

    tags: Tags = Field(default=[], description="The memory has all of these.")
    agent: Kept | None = Field(
        default=None,
        max_length=LONGEST_AGENT_CHARACTERS,
        description='Whose memory it is; "default" for those that name none.',
    )
    created_from: Instant | None = Field(default=None, description="Made at this instant or later.")
    created_until: Instant | None = Field(default=None, description="Made before this instant.")
    metadata: JsonObject = Field(default={}, description="The memory's metadata contains this.")

    def filters(self) -> Filters:
        return Filters(self.tags, self.agent, self.created_from, self.created_until, self.metadata)


class Search(Given):
    query: Annotated[Words, Field(max_length=LONGEST_QUERY_CHARACTERS, description="What to look for.")]
    k: Annotated[int, Field(ge=1, le=MOST_RESULTS, description="How many results at most."), Whole] = 10
    filters: Narrowing = Narrowing()
    as_of: Instant | None = Field(default=None, description="Search as at this instant: nothing later counts.")
    without: list[Term] = Field(default=[], description="Terms of relevance to leave out.", max_length=50)
    words_only: StrictBool = Field(default=False, description="Search by words and what was dreamt, without a model.")


class RemainingBody(BaseModel):
    what: str
    until: str


class Forgotten(BaseModel):
    """The receipt of a deletion."""

    id: UUID
    rows: int = Field(description="Rows of the memory that are gone; a long one has a row for each chunk.")
    removed: dict[str, int] = Field(description="Rows that are gone, by table.")
    changed: dict[str, int] = Field(description="Rows that no longer tell of it, by table.")
    remains: list[RemainingBody] = Field(description="Where something of it still is, and until when.")


class Pinned(BaseModel):
    id: UUID
    pinned: bool = Field(description="Whether the memory is kept from fading.")


class ResponseBody(BaseModel):
    """Base of the response bodies that are read from the store's objects."""

    model_config = ConfigDict(from_attributes=True)


class StoredBody(ResponseBody):
    id: UUID
    is_new: bool = Field(description="False when this content was stored before: then it was re-activated.")


class MemoirBody(ResponseBody):
    """A memory as it is now; a long one is reassembled from its chunks."""

    id: UUID
    content: str = Field(description="What was stored, verbatim.")
    context: str = Field(description="Where or why it was noted.")
    summary: str = Field(description="A gist given by whoever stored it.")
    tags: list[str]
    metadata: dict[str, Any]
    created_at: InUtc
    updated_at: InUtc
    total_chunks: int = Field(description="How many rows it lies in.")


class RecalledBody(ResponseBody):
    """One result, and why it was found."""

    memory: MemoirBody
    rank: int = Field(description="From 1.")
    relevance: float = Field(description="The sum of the terms.")
    terms: dict[Term, float] = Field(description="What each term added; one that was left out is not there.")
    cosine_similarity: float | None = Field(description="Of the query's vector and the passage's.")
    tag_similarity: float | None = Field(description="Of the query's vector and the tags'.")
    passage: str = Field(description="The chunk that matched best; the whole content when it has one only.")
    passage_id: UUID = Field(description="The row the passage stands in.")
    excerpt: str = Field(description="The part of the passage nearest to the query.")
    duplicates: list[UUID] = Field(description="Memories that say nearly the same, folded into this one.")
    superseded_by: UUID | None = Field(description="The memory that has replaced this one.")


class AnswerBody(ResponseBody):
    """The results of a search, most relevant first."""

    query_id: UUID = Field(description="The search, as recall events name it.")
    query: str
    results: list[RecalledBody]
    method: Literal["full", "words"] = Field(description="words: no vector of the query took part.")
    note: str | None = Field(description="What a person should know of how it was answered.")
    respelled: dict[str, str] = Field(description="Words that no memory has, each with the word searched for as well.")


class PlaceBody(ResponseBody):
    """The memory's rank in a search."""

    query: str
    of: int = Field(description="How many results were looked at.")
    rank: int | None = Field(description="From 1; null when it was not among them.")
    folded_into: UUID | None = Field(description="The memory that stood for it, where that says nearly the same.")
    relevance: float | None = Field(description="The sum of the terms.")
    terms: dict[Term, float] = Field(description="What each term added.")
    cosine_similarity: float | None = Field(description="Of the query's vector and the passage's.")


class ExplanationBody(ResponseBody):
    """All that is known about a memory."""

    memory: MemoirBody
    state: State | None = Field(description="What the last cycle made of it; null until one has dreamt of it.")
    events: list[Happening] = Field(description="What happened to it, the latest first.")
    edges: list[Edge] = Field(description="What it is joined to, the strongest first.")
    episode: Episode | None = Field(description="The stretch of time it belongs to; null until a cycle has found it.")
    insights: list[Insight] = Field(description="What the night noticed that rests on it.")
    event_count: int = Field(description="Of all events; `events` are the latest.")
    edge_count: int = Field(description="Of all edges; `edges` are the strongest.")
    place: PlaceBody | None = Field(description="Where it came in the search for the query that was given.")
