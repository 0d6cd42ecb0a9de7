"""Summarises the store and what the last cycle found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from psycopg.rows import dict_row

from memories.postgres.database import Connection

LATEST_EPISODES = 10
ASSOCIATIONS = MOST_INSIGHTS = MOST_CITED = AREAS = 3
# Their descriptions quote both memories.
REVISIONS = ("supersession", "contradiction")
# Below it, two memories hardly bring each other to mind.
LEAST_WEIGHT = 0.1

# A concept of more memories than this share says little of any of them; the same number of a small store is few.
RARE_SHARE, ALWAYS_RARE = 0.02, 3
RARE_CONCEPTS = f"""
select concept, count(*) as memory_count from dreams.memory_states as s, unnest(s.concepts) as concept
group by concept
having count(*) <= greatest({ALWAYS_RARE}, {RARE_SHARE} * (select count(*) from dreams.memory_states))
"""  # noqa: S608 - of the numbers above

# Memories with something in common that few others have: a greeting is associated with all of its kind.
STRONGEST = f"""
with strongest as materialized (
    select
        e.memory_a, e.memory_b, ta.semantic_gist as from_gist, tb.semantic_gist as to_gist, e.weight, e.evidence_count,
        array(select unnest(ta.concepts) intersect select unnest(tb.concepts)) as shared
    from dreams.memory_edges as e
    inner join dreams.memory_states as ta on ta.memory_id = e.memory_a
    inner join dreams.memory_states as tb on tb.memory_id = e.memory_b
    where e.edge_type = 'hebbian' and e.weight >= {LEAST_WEIGHT} and ta.semantic_gist <> tb.semantic_gist
    order by e.weight desc, e.memory_a, e.memory_b
    limit 1000
),
rare as ({RARE_CONCEPTS})
select memory_a, memory_b, from_gist, to_gist, weight, evidence_count from strongest
where exists (select from rare where rare.concept = any(strongest.shared))
order by weight desc, memory_a, memory_b
"""  # noqa: S608 - of the number and the query above

# The most confident insight of each kind, the latest of several; open predictions before judged ones.
INSIGHTS = """
select insight_type, insight_description, confidence_score, related_memories
from (
    select *, row_number() over (
        partition by insight_type
        order by validated is not null, confidence_score desc, discovered_at desc, insight_id
    ) as place
    from dreams.memory_insights
) as ranked
where place = 1
order by array_position(array['supersession', 'pattern', 'anomaly', 'contradiction', 'prediction'], insight_type)
limit %s
"""

LARGEST_AREAS = """
select name, memory_count from dreams.communities where level = 'area' order by memory_count desc, community_id limit %s
"""

# What several memories are about, but few enough that the answer is no list of everything; of several words, which say
# more, if there is one. Its name needs no shell quoting except for spaces.
SUBJECT = f"""
with rare as ({RARE_CONCEPTS})
select concept from rare
where concept ~ '^[[:alnum:]][[:alnum:] -]{{2,}}$' and concept = lower(concept) and memory_count > 2
order by strpos(concept, ' ') = 0, memory_count desc, concept limit 1
"""  # noqa: S608 - of the query above

# The longest path that begins or ends at a concept; neither name contains the other.
JOINED = """
select source, target from dreams.knowledge_graph
where
    %(subject)s in (source, target)
    and source ~ '^[[:alnum:]][[:alnum:] -]*$' and target ~ '^[[:alnum:]][[:alnum:] -]*$'
    and source = lower(source) and target = lower(target)
    and strpos(source, target) = 0 and strpos(target, source) = 0
order by path_length desc, strength desc, source, target limit 1
"""

# The canned questions that have an answer, the most telling first.
ANSWERED = """
select question from (values
    ('revisions', exists (select from dreams.memory_insights where insight_type in ('supersession', 'contradiction'))),
    ('habits', exists (select from dreams.memory_insights where insight_type = 'pattern')),
    ('surprises', exists (select from dreams.memory_insights where insight_type = 'anomaly')),
    ('predictions', exists (select from dreams.memory_insights where insight_type = 'prediction')),
    ('communities', exists (select from dreams.communities)),
    ('people', exists (select from dreams.episodes where cardinality(people) > 0))
) as asked (question, is_answered)
where is_answered limit 2
"""

CITED = """
select m.id, coalesce(s.semantic_gist, nullif(m.summary, ''), left(m.content, 120)) as gist, m.created_at::date as day
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
    """An insight, and what it rests on, latest first: id, day, and the gist where the description does not tell it."""

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
    """A few associations strong enough to matter, each of memories and gists that no stronger one has."""
    told: set[object] = set()
    strongest: list[Mapping[str, object]] = []
    for edge in connection.cursor(row_factory=dict_row).execute(STRONGEST):
        ends = {edge[end] for end in ("memory_a", "memory_b", "from_gist", "to_gist")}
        if not ends & told and len(strongest) < ASSOCIATIONS:
            strongest.append(edge)
            told |= ends
    return strongest


def insights(connection: Connection) -> Sequence[LatestInsight]:
    """A few insights of different kinds, each with some of its memories."""
    return [
        LatestInsight(
            str(kind),
            str(description),
            float(str(confidence)),
            [
                f"{str(memory_id)[:8]}  {day}"
                + ("" if kind in REVISIONS or str(gist) in str(description) else f"  {gist}")
                for memory_id, gist, day in connection.execute(CITED, (related, MOST_CITED))
            ],
        )
        for kind, description, confidence, related in connection.execute(INSIGHTS, (MOST_INSIGHTS,)).fetchall()
    ]


def findings(connection: Connection) -> Iterator[str]:
    """What the visible cycle found, as lines to read: counts, areas, strongest associations, insights with memories."""
    counts = statistics(connection)
    yield (
        f"{counts['total_memories']} memories ({counts['embedded']} embedded) in {counts['episodes']} episodes; "
        f"{counts['consolidated']} consolidated, {counts['retained']} retained, {counts['fading']} fading, "
        f"{counts['dormant']} dormant; {counts['edges']} edges between memories, {counts['concepts']} concepts, "
        f"{counts['insights']} insights."
    )
    for title, lines in (
        ("Largest areas", _areas(connection)),
        ("Strongest associations (together in mind or in a search)", _associations(connection)),
        ("Insights", _insights(connection)),
    ):
        told = list(lines)
        if told:
            yield f"\n{title}"
            yield from told


def _areas(connection: Connection) -> Iterator[str]:
    for name, memory_count in connection.execute(LARGEST_AREAS, (AREAS,)):
        yield f"  {memory_count} memories: {name}"


def _associations(connection: Connection) -> Iterator[str]:
    for edge in strongest_associations(connection):
        yield f"  {float(str(edge['weight'])):.2f}  {edge['from_gist']}  --  {edge['to_gist']}"


def _insights(connection: Connection) -> Iterator[str]:
    for insight in insights(connection):
        yield f"  {insight.insight_type} ({insight.confidence:.2f}): {insight.description}"
        yield from (f"      rests on {memory}" for memory in insight.memories)


def next_questions(connection: Connection) -> Sequence[str]:
    """Commands that explore what the visible cycle found, each with an answer."""
    questions = [f"dreams query {question}" for (question,) in connection.execute(ANSWERED)]
    subject = connection.execute(SUBJECT).fetchone()
    if subject is None:
        return questions
    joined = connection.execute(JOINED, {"subject": subject[0]}).fetchone()
    path = [f"dreams query path --set from={quote(str(joined[0]))} --set to={quote(str(joined[1]))}"] if joined else []
    return [f"dreams ask {quote(f'what do I know about {subject[0]}?')}", *questions, *path]


def _bytes_under(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
