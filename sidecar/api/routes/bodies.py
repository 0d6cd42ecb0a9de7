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
from memories.records import EXTRACTIVE, Filters, Term
from memories.views.explanation import (
    Edge,
    Episode,
    Happening,
    Insight,
    State,
)
from sidecar.api.routes.text import Instant, InUtc, JsonObject, Kept, Text, Whole, Words

TagText = Annotated[Kept, Field(min_length=1, max_length=LONGEST_TAG_CHARACTERS)]
Tags = Annotated[list[TagText], Field(max_length=MOST_TAGS)]
Content = Annotated[Words, Field(description="The text to remember, kept verbatim; a long one is chunked.")]
Context = Annotated[Kept, Field(max_length=LONGEST_NOTE_CHARACTERS, description="Where or why it was noted.")]
Summary = Annotated[Kept, Field(max_length=LONGEST_NOTE_CHARACTERS, description="A short summary.")]
Metadata = Annotated[JsonObject, Field(description="Anything else known about it: agent, project, people, place.")]


class Given(BaseModel):
    """Base of the request bodies; refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class NewMemory(Given):
    content: Content
    context: Context = ""
    summary: Summary = ""
    tags: Tags = Field(default=[], description="Words to find it by.")
    metadata: Metadata = {}
    created_at: Instant | None = Field(default=None, description="When it happened; defaults to now.")


class ChangesBody(Given):
    """Changes to a memory; fields that are missing or null stay as they are."""

    content: Content | None = None
    context: Context | None = None
    summary: Summary | None = None
    tags: Tags | None = Field(default=None, description="Replaces the present tags.")
    metadata: JsonObject | None = Field(default=None, description="Replaces the present metadata.")


class Narrowing(Given):
    """Filters of a search: each given field narrows the results."""

    tags: Tags = Field(default=[], description="Only memories that have all these tags.")
    agent: Kept | None = Field(
        default=None,
        max_length=LONGEST_AGENT_CHARACTERS,
        description='Only memories of this agent; "default" means memories that name none.',
    )
    created_from: Instant | None = Field(default=None, description="Only memories created at this instant or later.")
    created_until: Instant | None = Field(default=None, description="Only memories created before this instant.")
    metadata: JsonObject = Field(default={}, description="Only memories whose metadata contains this.")

    def filters(self) -> Filters:
        return Filters(self.tags, self.agent, self.created_from, self.created_until, self.metadata)


class Search(Given):
    query: Annotated[Words, Field(max_length=LONGEST_QUERY_CHARACTERS, description="Words, or a question.")]
    k: Annotated[int, Field(ge=1, le=MOST_RESULTS, description="The largest number of results."), Whole] = 10
    filters: Narrowing = Narrowing()
    as_of: Instant | None = Field(default=None, description="Searches the store as it was at this instant.")
    without: list[Term] = Field(default=[], description="Terms of relevance to switch off.", max_length=50)
    words_only: StrictBool = Field(default=False, description="Searches by words and associations, without a model.")


class AskedQuestion(Given):
    question: Annotated[Words, Field(max_length=LONGEST_QUERY_CHARACTERS, description="A question.")]
    filters: Narrowing = Narrowing()
    as_of: Instant | None = Field(default=None, description="Answers from the store as it was at this instant.")
    words_only: StrictBool = Field(default=False, description="Searches by words and associations, without a model.")
    generator: Text = Field(default=EXTRACTIVE, description="The generator that words the answer; extractive quotes.")


class RemainingBody(BaseModel):
    what: str
    until: str


class Forgotten(BaseModel):
    """The receipt of a deletion."""

    id: UUID
    rows: int = Field(description="How many rows the memory had; a long one has a row for each chunk.")
    removed: dict[str, int] = Field(description="Number of deleted rows, by table.")
    changed: dict[str, int] = Field(description="Number of rows from which it was removed, by table.")
    remains: list[RemainingBody] = Field(description="Which traces of it remain, and until when.")


class Pinned(BaseModel):
    id: UUID
    pinned: bool = Field(description="Whether the memory is pinned, and so never fades.")


class ResponseBody(BaseModel):
    """Base of the response bodies that are built from the store's objects."""

    model_config = ConfigDict(from_attributes=True)


class StoredBody(ResponseBody):
    id: UUID
    is_new: bool = Field(description="False if this content was already stored; that memory was then re-activated.")


class MemoirBody(ResponseBody):
    """A memory as it is now; a long one is reassembled from its chunks."""

    id: UUID
    content: str = Field(description="The stored text, verbatim.")
    context: str = Field(description="Where or why it was noted.")
    summary: str = Field(description="A short summary, given when it was stored; may be empty.")
    tags: list[str]
    metadata: dict[str, Any]
    created_at: InUtc
    updated_at: InUtc
    total_chunks: int = Field(description="How many chunks it is stored in.")


class RecalledBody(ResponseBody):
    """One result, and why it was found."""

    memory: MemoirBody
    rank: int = Field(description="Its place among the results, from 1.")
    relevance: float = Field(description="The sum of the terms.")
    terms: dict[Term, float] = Field(description="The share of each term; terms that were switched off are missing.")
    cosine_similarity: float | None = Field(description="Similarity of the query's vector and the excerpt's.")
    tag_similarity: float | None = Field(description="Similarity of the query's vector and that of the tags.")
    passage: str = Field(description="The chunk that matched best; the whole content if there is only one.")
    passage_id: UUID = Field(description="The row that holds the passage.")
    excerpt: str = Field(description="The part of the passage nearest to the query.")
    duplicates: list[UUID] = Field(description="Nearly identical memories, folded into this one.")
    superseded_by: UUID | None = Field(description="The memory that replaced this one.")


class SignsBody(ResponseBody):
    """What the confidence of a search is estimated from."""

    similarity: float | None = Field(description="The largest cosine among the first results; null without a model.")
    coverage: float = Field(description="How much of what the query asks stands in one of the first results, 0 to 1.")
    known: float = Field(description="How much of what the query asks stands anywhere in the store, 0 to 1.")
    relevance: float = Field(description="The relevance of the first result.")


class AnswerBody(ResponseBody):
    """The results of a search, most relevant first."""

    query_id: UUID = Field(description="Identifies this search; give it when you open a result.")
    query: str
    results: list[RecalledBody]
    confidence: float = Field(description="The probability that one of the first five is what was asked, 0 to 1.")
    signs: SignsBody | None = Field(description="What `confidence` is estimated from; null without results.")
    method: Literal["full", "words"] = Field(description="`words` if the search used no query vector, else `full`.")
    note: str | None = Field(description="Limitations of this answer, such as that no model was running.")
    respelled: dict[str, str] = Field(
        description="Query words that no memory contains, and the similar words also searched for."
    )


class QuoteBody(ResponseBody):
    """A sentence of a memory, byte for byte."""

    memory_id: UUID
    created_at: InUtc
    text: str
    start_byte: int = Field(description="Where the sentence begins in the UTF-8 bytes of the memory's content.")
    end_byte: int = Field(description="Where it ends: the first byte after it.")
    superseded_by: UUID | None = Field(description="The memory that has replaced this one.")


class StatedBody(ResponseBody):
    """A sentence of an answer that a generator worded."""

    text: str
    quotes: list[int] = Field(description="The places, from 0, of the quotes that say it.")
    is_quoted: bool = Field(description="Whether it is the quotation itself, in place of words that it did not say.")


class ReplyBody(ResponseBody):
    """What the memories say to a question."""

    question: str
    query_id: UUID = Field(description="Identifies the search; give it when you open a memory.")
    is_answered: bool = Field(description="False if the memories do not hold the answer.")
    confidence: float = Field(description="The probability that the search found what was asked, 0 to 1.")
    quotes: list[QuoteBody] = Field(description="The sentences that answer best.")
    misses: list[RecalledBody] = Field(description="Without an answer, the nearest memories.")
    note: str | None = Field(description="Limitations of this answer, such as that no model was running.")
    generator: str = Field(description="Whose words the answer has; extractive if the quotes are the answer.")
    sentences: list[StatedBody] = Field(description="The answer in the generator's words; empty if it only quotes.")


class ClaimBody(ResponseBody):
    label: str = Field(description="What the report says of the quotation; without one, what is not recorded.")
    quote: QuoteBody | None
    further: list[QuoteBody] = Field(description="Other places that say the same.")
    group: str = Field(description="The part of the section it stands in, such as a month.")


class SectionBody(ResponseBody):
    heading: str
    claims: list[ClaimBody]
    note: str = Field(description="How the claims were chosen.")


class ReportBody(ResponseBody):
    """A report, in which every claim is a quotation."""

    title: str
    period: str
    as_of: InUtc
    is_recorded: bool = Field(description="False if the memories do not hold what was asked.")
    sections: list[SectionBody]
    sources: list[MemoirBody] = Field(description="The memories that are quoted, the earliest first.")
    note: str | None = Field(description="Limitations of this report, such as that no model was running.")


class PlaceBody(ResponseBody):
    """The memory's rank in a search."""

    query: str
    of: int = Field(description="How many results were examined.")
    rank: int | None = Field(description="Its place among them, from 1; null if it was not found.")
    folded_into: UUID | None = Field(description="The nearly identical memory into which it was folded.")
    relevance: float | None = Field(description="The sum of the terms.")
    terms: dict[Term, float] = Field(description="The share of each term.")
    cosine_similarity: float | None = Field(description="Similarity of the query's vector and the excerpt's.")


class ExplanationBody(ResponseBody):
    """Everything known about a memory."""

    memory: MemoirBody
    state: State | None = Field(description="Its state as of the last cycle; null until a cycle has covered it.")
    events: list[Happening] = Field(description="Its latest events, the latest first.")
    edges: list[Edge] = Field(description="Its strongest edges to other memories, the strongest first.")
    episode: Episode | None = Field(description="The episode it belongs to; null until a cycle has covered it.")
    insights: list[Insight] = Field(description="The insights that rest on it.")
    event_count: int = Field(description="How many events it has in all.")
    edge_count: int = Field(description="How many edges it has in all.")
    place: PlaceBody | None = Field(description="Its place in a search for the given query; null without a query.")
