"""Reads what the visible cycle knows of some memories, or of a stretch of time: revisions, people, topics, insights."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from memories.instant import EARLIEST
from memories.postgres.database import Connection

REVISIONS = """
select
    i.insight_type, i.discovered_at, later.memory_id, later.semantic_gist, earlier.memory_id, earlier.semantic_gist
from dreams.memory_insights as i
inner join dreams.memory_states as later on later.memory_id = i.related_memories[1]
inner join dreams.memory_states as earlier on earlier.memory_id = i.related_memories[2]
where
    i.insight_type in ('supersession', 'contradiction')
    and i.discovered_at >= %(start)s and i.discovered_at < %(end)s
    and (%(ids)s::uuid[] is null or i.related_memories && %(ids)s::uuid[])
    and (%(agent)s::text is null or i.agent = %(agent)s::text)
order by i.discovered_at, i.insight_id
"""

PEOPLE = """
select person, array_agg(distinct name order by name), array_agg(distinct memory_id order by memory_id)
from dreams.people()
where memory_id = any(%(ids)s)
group by person
order by count(distinct memory_id) desc, person
"""

TOPICS = """
select concept, array[concept], array_agg(memory_id order by memory_id)
from dreams.memory_states cross join lateral unnest(concepts) as concept
where memory_id = any(%(ids)s)
group by concept
having count(*) > 1
order by count(*) desc, concept
"""

# Of each day or month, what was encoded most strongly; before a cycle has run, what came first.
CREATED = """
select id, created_at, semantic_gist, of_all
from (
    select
        m.id, m.created_at, coalesce(s.semantic_gist, '') as semantic_gist, count(*) over () as of_all,
        row_number() over (
            partition by date_trunc(%(unit)s, m.created_at at time zone %(timezone)s)
            order by s.encoding desc nulls last, m.created_at, m.id
        ) as place
    from public.memories as m left join dreams.memory_states as s on s.memory_id = m.id
    where
        m.parent_id is null and m.created_at >= %(start)s and m.created_at < %(end)s
        and (%(agent)s::text is null or dreams.agent_of(m.metadata) = %(agent)s::text)
) as ranked
where place <= %(most)s
order by created_at, id
"""

RETURNED = """
select m.id, max(v.occurred_at), coalesce(max(s.semantic_gist), ''), count(*) over ()
from dreams.recall_events as v
inner join public.memories as m on m.id = v.memory_id
left join dreams.memory_states as s on s.memory_id = m.id
where
    v.kind in ('opened', 'cited', 'upserted', 'reviewed') and m.parent_id is null
    and v.occurred_at >= %(start)s and v.occurred_at < %(end)s and m.created_at < %(start)s
    and (%(agent)s::text is null or dreams.agent_of(m.metadata) = %(agent)s::text)
group by m.id
order by count(*) desc, max(v.occurred_at) desc, m.id
limit %(most)s
"""

# Habits that show in the span, and predictions that are still open at its end.
FORESEEN = """
select insight_type, discovered_at, insight_description, confidence_score, prediction_due_at, related_memories
from dreams.memory_insights as i
where
    discovered_at < %(end)s
    and (%(agent)s::text is null or agent = %(agent)s::text)
    and case insight_type
        when 'prediction' then validated is null and prediction_due_at > %(end)s
        when 'pattern' then exists (
            select 1 from public.memories as m
            where m.id = any(i.related_memories) and m.created_at >= %(start)s and m.created_at < %(end)s
        )
        else false
    end
order by confidence_score desc, insight_id
"""


class TimeSpan(NamedTuple):
    """From `start` until just before `end`."""

    start: datetime
    end: datetime


class Revision(NamedTuple):
    """Two memories of which the later replaces (`supersession`) or contradicts (`contradiction`) the earlier."""

    kind: str
    since: datetime
    later_id: UUID
    later_gist: str
    earlier_id: UUID
    earlier_gist: str


class Named(NamedTuple):
    """A person or a topic, how memories write it, and the memories that name it."""

    name: str
    forms: Sequence[str]
    memory_ids: Sequence[UUID]


class Noted(NamedTuple):
    """A memory, when it was made or last came back, its gist, and how many such memories there are in all."""

    memory_id: UUID
    at: datetime
    gist: str
    of_all: int


class Foreseen(NamedTuple):
    """A habit (`pattern`) or an open prediction of the dream, with the memories it rests on."""

    kind: str
    discovered_at: datetime
    description: str
    confidence: float
    due_at: datetime | None
    memory_ids: Sequence[UUID]


def revisions_of(connection: Connection, memory_ids: Collection[UUID], until: datetime) -> Sequence[Revision]:
    """The revisions, known before `until`, in which any of the memories takes part; the first one first."""
    return _revisions(connection, TimeSpan(EARLIEST, until), list(memory_ids), None)


def revisions_in(connection: Connection, span: TimeSpan, agent: str | None) -> Sequence[Revision]:
    """The revisions of a span, of one agent or of all; the first one first."""
    return _revisions(connection, span, None, agent)


def people_of(connection: Connection, memory_ids: Collection[UUID]) -> Sequence[Named]:
    """The people whom the memories name, the most frequent first."""
    return [Named._make(row) for row in connection.execute(PEOPLE, {"ids": list(memory_ids)})]


def topics_of(connection: Connection, memory_ids: Collection[UUID]) -> Sequence[Named]:
    """The concepts that several of the memories share, the most frequent first."""
    return [Named._make(row) for row in connection.execute(TOPICS, {"ids": list(memory_ids)})]


def created_in(
    connection: Connection, span: TimeSpan, agent: str | None, timezone: str, unit: Literal["day", "month"], most: int
) -> Sequence[Noted]:
    """The memories of a span, at most so many of each day or month, in order."""
    given = {**span._asdict(), "agent": agent, "timezone": timezone, "unit": unit, "most": most}
    return [Noted._make(row) for row in connection.execute(CREATED, given)]


def returned_in(connection: Connection, span: TimeSpan, agent: str | None, most: int) -> Sequence[Noted]:
    """Earlier memories that were opened, cited, reviewed or told again in a span, the most frequent first."""
    given = {**span._asdict(), "agent": agent, "most": most}
    return [Noted._make(row) for row in connection.execute(RETURNED, given)]


def foreseen(connection: Connection, span: TimeSpan, agent: str | None) -> Sequence[Foreseen]:
    """The habits that a span shows, and what is predicted beyond its end; the surest first."""
    return [Foreseen._make(row) for row in connection.execute(FORESEEN, {**span._asdict(), "agent": agent})]


def _revisions(
    connection: Connection, span: TimeSpan, memory_ids: Sequence[UUID] | None, agent: str | None
) -> Sequence[Revision]:
    given = {**span._asdict(), "ids": memory_ids, "agent": agent}
    return [Revision._make(row) for row in connection.execute(REVISIONS, given)]
