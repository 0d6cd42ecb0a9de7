"""Summarises the store and what the last cycle found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from psycopg.rows import dict_row

from memories.postgres.database import Connection

LATEST_EPISODES = 10
ASSOCIATIONS = 5
MOST_INSIGHTS = MOST_CITED = 3

STRONGEST = """
select
    ta.semantic_gist as from_gist, tb.semantic_gist as to_gist, e.weight, e.evidence_count
from dreams.memory_edges as e
inner join dreams.memory_states as ta on ta.memory_id = e.memory_a
inner join dreams.memory_states as tb on tb.memory_id = e.memory_b
where e.edge_type = 'hebbian'
order by e.weight desc, e.memory_a, e.memory_b
limit %s
"""

# The most confident insight of each kind; open predictions before judged ones.
INSIGHTS = """
select insight_type, insight_description, confidence_score, related_memories
from (
    select *, row_number() over (
        partition by insight_type order by validated is not null, confidence_score desc, insight_id
    ) as place
    from dreams.memory_insights
) as ranked
where place = 1
order by array_position(array['supersession', 'pattern', 'anomaly', 'contradiction', 'prediction'], insight_type)
limit %s
"""

# Two concepts joined by a path, whose names need no shell quoting except for spaces; neither contains the other.
JOINED = """
select source, target from dreams.knowledge_graph
where
    source ~ '^[[:alnum:]][[:alnum:] -]*$' and target ~ '^[[:alnum:]][[:alnum:] -]*$'
    and source = lower(source) and target = lower(target)
    and strpos(source, target) = 0 and strpos(target, source) = 0
order by path_length desc, strength desc, source, target limit 1
"""

CITED = """
select m.id, coalesce(nullif(m.summary, ''), s.semantic_gist, left(m.content, 120)) as gist, m.created_at
from public.memories as m left join dreams.memory_states as s on s.memory_id = m.id
where m.id = any(%s) order by m.created_at desc limit %s
"""

WORKING_MEMORY = """
select
    c.memory_id, c.wm_slot, c.agent, c.content, c.topics, c.task_type, c.final_priority, m.created_at, c.timestamp
from dreams.current_context as c inner join public.memories as m on m.id = c.memory_id
where %(agent)s::text is null or c.agent = dreams.agent_of(jsonb_build_object('agent', %(agent)s::text))
order by c.agent, c.wm_slot
"""

EPISODES = """
select
    episode_id, agent, started_at, ended_at, memory_count, title, level_0_goal, level_1_tasks, atomic_actions, topics,
    projects, places, people
from dreams.recent_episodes
where %(agent)s::text is null or agent = dreams.agent_of(jsonb_build_object('agent', %(agent)s::text))
order by started_at desc limit %(limit)s
"""

PARTS = """
select part, sum(bytes)::bigint as bytes from (
    select
        case
            when relation = 'public.memories' then 'memories'
            when relation in ('dreams.recall_events', 'dreams.memory_versions', 'dreams.tombstones')
                then 'events and versions'
            when relation = 'dreams.annotations' then 'annotations'
            when relation in ('dreams.cycles', 'dreams.cycle_changes', 'dreams.processing_metrics', 'dreams.nights')
                then 'history of cycles'
            else 'what was dreamt'
        end as part,
        pg_total_relation_size(relation::regclass) as bytes
    from (
        select schemaname || '.' || tablename as relation from pg_tables
        where schemaname = 'dreams' or (schemaname = 'public' and tablename = 'memories')
    ) as relations
) as parts
group by part order by bytes desc
"""


@dataclass(frozen=True, slots=True)
class LatestInsight:
    """An insight, and the gists of the memories it rests on, latest first."""

    insight_type: str
    description: str
    confidence: float
    memories: Sequence[str]


@dataclass(frozen=True, slots=True)
class Context:
    """The current context for an assistant: rows of dreams.current_context and dreams.recent_episodes."""

    working_memory: Sequence[Mapping[str, object]]
    episodes: Sequence[Mapping[str, object]]


def context(connection: Connection, agent: str | None = None) -> Context:
    """Working memory and the latest episodes, of one agent ("" means "default") or of all."""
    given = {"agent": agent, "limit": LATEST_EPISODES}
    rows = connection.cursor(row_factory=dict_row)
    return Context(rows.execute(WORKING_MEMORY, given).fetchall(), rows.execute(EPISODES, given).fetchall())


def statistics(connection: Connection) -> Mapping[str, object]:
    """The row of dreams.get_memory_stats()."""
    row = connection.cursor(row_factory=dict_row).execute("select * from dreams.get_memory_stats()").fetchone()
    return row or {}


def disk_use(connection: Connection, files: Mapping[str, Path]) -> Mapping[str, int]:
    """Bytes by part: of the store in Postgres, and of the given files."""
    use = {str(part): int(str(size)) for part, size in connection.execute(PARTS)}
    return use | {name: _bytes_under(path) for name, path in files.items() if path.exists()}


def strongest_associations(connection: Connection) -> Sequence[Mapping[str, object]]:
    return connection.cursor(row_factory=dict_row).execute(STRONGEST, (ASSOCIATIONS,)).fetchall()


def insights(connection: Connection) -> Sequence[LatestInsight]:
    """A few insights of different kinds, each with some of its memories."""
    return [
        LatestInsight(
            str(kind),
            str(description),
            float(str(confidence)),
            [
                f"{str(memory_id)[:8]}  {gist}"
                for memory_id, gist, _ in connection.execute(CITED, (related, MOST_CITED))
            ],
        )
        for kind, description, confidence, related in connection.execute(INSIGHTS, (MOST_INSIGHTS,)).fetchall()
    ]


def findings(connection: Connection) -> Iterator[str]:
    """What the visible cycle found, as lines to read: counts, strongest associations, insights with their memories."""
    counts = statistics(connection)
    yield (
        f"{counts['total_memories']} memories ({counts['embedded']} embedded) in {counts['episodes']} episodes; "
        f"{counts['consolidated']} consolidated, {counts['retained']} retained, {counts['fading']} fading, "
        f"{counts['dormant']} dormant; {counts['edges']} edges between memories, {counts['concepts']} concepts, "
        f"{counts['insights']} insights."
    )
    yield "\nStrongest associations (together in mind or in a search)"
    for edge in strongest_associations(connection):
        yield f"  {float(str(edge['weight'])):.2f}  {edge['from_gist']}  --  {edge['to_gist']}"
    yield "\nInsights"
    for insight in insights(connection):
        yield f"  {insight.insight_type} ({insight.confidence:.2f}): {insight.description}"
        yield from (f"      rests on {memory}" for memory in insight.memories)


def next_questions(connection: Connection) -> Sequence[str]:
    """Commands that explore what the visible cycle found."""
    joined = connection.execute(JOINED).fetchone()
    if joined is None:
        return ["dreams query last-week", "dreams query revisions", "dreams query strongest"]
    source, target = (str(concept) for concept in joined)
    return [
        f"dreams ask {quote(f'what do I know about {source}?')}",
        "dreams query last-week",
        "dreams query revisions",
        f"dreams query path --set from={quote(source)} --set to={quote(target)}",
    ]


def _bytes_under(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
