"""Explains a memory: its state as of the last cycle, its events, edges, episode and insights."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from psycopg.rows import class_row

from memories.documents.memoir import document_rows, memoir
from memories.postgres.database import Connection
from memories.records import Answer, Memoir, Term

MOST_EVENTS = 20
MOST_EDGES = 20

STATE = """
select
    l.strength, l.fate, l.retrievability, l.stability_days, l.difficulty, l.pinned, l.access_count, l.last_accessed_at,
    l.semantic_gist, l.superseded_by, s.semantic_gist as superseded_by_gist, l.valid_until, l.as_of
from dreams.long_term_memories as l left join dreams.memory_states as s on s.memory_id = l.superseded_by
where l.memory_id = %(id)s
"""

EVENTS = """
select e.kind, e.occurred_at, e.grade, s.query, e.query_id, e.rank
from dreams.recall_events as e left join dreams.searches as s on s.query_id = coalesce(e.query_id, e.event_id)
where e.memory_id = any(%(rows)s)
order by e.occurred_at desc, e.recorded_at desc, e.event_id limit %(limit)s
"""

EDGES = """
select
    o.id as memory_id, coalesce(nullif(o.summary, ''), s.semantic_gist, left(o.content, 120)) as gist, e.edge_type,
    e.weight, e.evidence_count, e.last_at
from dreams.memory_edges as e
inner join public.memories as o on o.id = case when e.memory_a = %(id)s then e.memory_b else e.memory_a end
left join dreams.memory_states as s on s.memory_id = o.id
where e.memory_a = %(id)s or e.memory_b = %(id)s
order by e.weight desc, e.edge_type, o.id limit %(limit)s
"""

EPISODE = """
select
    p.episode_id, e.started_at, e.ended_at, e.memory_count, p.position, t.semantic_gist as title, e.topics,
    p.previous_memory_id, b.semantic_gist as previous_gist, p.next_memory_id, a.semantic_gist as next_gist
from dreams.episode_members as p
inner join dreams.episodes as e using (episode_id)
left join dreams.memory_states as t on t.memory_id = e.title_memory_id
left join dreams.memory_states as b on b.memory_id = p.previous_memory_id
left join dreams.memory_states as a on a.memory_id = p.next_memory_id
where p.memory_id = %(id)s
"""

INSIGHTS = """
select insight_type, insight_description as description, confidence_score as confidence, validated, discovered_at
from dreams.memory_insights where related_memories @> array[%(id)s]
order by confidence_score desc, insight_id
"""

COUNTS = """
select
    (select count(*) from dreams.recall_events where memory_id = any(%(rows)s)),
    (select count(*) from dreams.edge_states where memory_a = %(id)s or memory_b = %(id)s)
"""

FATES = "select memory_id, fate from dreams.long_term_memories where memory_id = any(%s)"


@dataclass(frozen=True, slots=True)
class State:
    """A memory's state after the last cycle, as of `as_of`: see dreams.long_term_memories."""

    strength: float
    fate: str
    retrievability: float
    stability_days: float
    difficulty: float
    pinned: bool
    access_count: int
    last_accessed_at: datetime
    semantic_gist: str
    superseded_by: UUID | None
    superseded_by_gist: str | None
    valid_until: datetime | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a memory."""

    kind: str
    occurred_at: datetime
    grade: int | None
    query: str | None
    query_id: UUID | None
    rank: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from a memory to another, and that other memory."""

    memory_id: UUID
    gist: str
    edge_type: str
    weight: float
    evidence_count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Episode:
    """The episode that a memory belongs to, and its position in it."""

    episode_id: str
    started_at: datetime
    ended_at: datetime
    memory_count: int
    position: int
    title: str | None
    topics: Sequence[str]
    previous_memory_id: UUID | None
    previous_gist: str | None
    next_memory_id: UUID | None
    next_gist: str | None


@dataclass(frozen=True, slots=True)
class Insight:
    """An insight that rests on a memory."""

    insight_type: str
    description: str
    confidence: float
    validated: bool | None
    discovered_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """A memory's rank in a search, and each term's share; `rank` is None when it was not among the first `of`.

    `folded_into` is the nearly identical memory that stood for it in the results, if any.
    """

    query: str
    of: int
    rank: int | None
    folded_into: UUID | None
    relevance: float | None
    terms: Mapping[Term, float]
    cosine_similarity: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything known about a memory. `state` and `episode` are None until a cycle has covered it.

    `events` are the latest of `event_count`, `edges` the heaviest of `edge_count`. `place` is set when a query was
    given.
    """

    memory: Memoir
    state: State | None
    events: Sequence[Happening]
    edges: Sequence[Edge]
    episode: Episode | None
    insights: Sequence[Insight]
    event_count: int
    edge_count: int
    place: Place | None = None


Kind = TypeVar("Kind", State, Happening, Edge, Episode, Insight)


def explain(connection: Connection, memory_id: UUID) -> Explanation:
    """Explains the document that a row belongs to. Raises NotFound when there is no such row."""
    memory = memoir(connection, memory_id)
    given = {"id": memory.id, "rows": list(document_rows(connection, memory.id))}
    states = _read(connection, State, STATE, given)
    episodes = _read(connection, Episode, EPISODE, given)
    counts = connection.execute(COUNTS, given).fetchone() or (0, 0)
    return Explanation(
        memory=memory,
        state=states[0] if states else None,
        events=_read(connection, Happening, EVENTS, {**given, "limit": MOST_EVENTS}),
        edges=_read(connection, Edge, EDGES, {**given, "limit": MOST_EDGES}),
        episode=episodes[0] if episodes else None,
        insights=_read(connection, Insight, INSIGHTS, given),
        event_count=int(str(counts[0])),
        edge_count=int(str(counts[1])),
    )


def placed_in(explanation: Explanation, answer: Answer, of: int) -> Explanation:
    """Adds the memory's place among the first `of` results of a search."""
    memory_id = explanation.memory.id
    found = next((r for r in answer.results if memory_id in (r.memory.id, *r.duplicates)), None)
    place = Place(
        query=answer.query,
        of=of,
        rank=found.rank if found else None,
        folded_into=found.memory.id if found and found.memory.id != memory_id else None,
        relevance=found.relevance if found else None,
        terms=found.terms if found else {},
        cosine_similarity=found.cosine_similarity if found else None,
    )
    return replace(explanation, place=place)


def fates(connection: Connection, memory_ids: Collection[UUID]) -> Mapping[UUID, str]:
    """The fate of each memory: consolidated, retained, fading or dormant; omits those that no cycle has covered yet."""
    rows = connection.execute(FATES, (list(memory_ids),))
    return {UUID(str(memory_id)): str(fate) for memory_id, fate in rows}


def _read(connection: Connection, kind: type[Kind], statement: str, given: Mapping[str, object]) -> Sequence[Kind]:
    return connection.cursor(row_factory=class_row(kind)).execute(statement.encode(), given).fetchall()
