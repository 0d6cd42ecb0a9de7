"""What Postgres tells a search: the nearest memories by meaning, what is known of each, how they are joined.

Called by recall.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from psycopg import sql

from memories.database import Connection

# A search reads few rows of many tables, by their indexes; the planner's defaults are for slow disks and for reports.
# The vector index looks at a hundred neighbours (Malkov & Yashunin 2018: ef).
SETTINGS = {"random_page_cost": "1.1", "max_parallel_workers_per_gather": "0", "hnsw.ef_search": "100"}

NEAREST = sql.SQL("""
select m.id, 1 - (m.embedding_vector::halfvec(768) <=> %(vector)s::halfvec(768))
from public.memories as m
where m.embedding_vector is not null and m.embedding_model = %(model)s and {condition}
order by m.embedding_vector::halfvec(768) <=> %(vector)s::halfvec(768)
limit %(limit)s
""")

# Chunks of a document share the state of its first: Codex gives them a parent_id that is no memory's.
FACTS = sql.SQL("""
select
    m.id, given.item_id, m.asking,
    case when {with_people}
        then concat_ws(' ', m.metadata ->> 'speaker', m.metadata ->> 'author', m.metadata ->> 'people') end,
    case when {with_vector} and m.embedding_model = %(model)s
        then 1 - (m.embedding_vector::halfvec(768) <=> %(vector)s::halfvec(768)) end,
    case when {with_tags} and m.embedding_model = %(model)s
        then 1 - (m.tag_embedding::halfvec(768) <=> %(vector)s::halfvec(768)) end,
    p.episode_id, p.previous_memory_id, s.stability_days, s.last_reviewed_at
from (
    select
        g.id,
        case
            when g.parent_id is null then g.id
            else (
                select f.id from public.memories as f where f.parent_id = g.parent_id
                order by f.chunk_index, f.id limit 1
            )
        end as item_id
    from public.memories as g where g.id = any(%(ids)s)
) as given
inner join public.memories as m on m.id = given.id
left join dreams.episode_members as p on p.memory_id = given.item_id
left join dreams.memory_states as s on s.memory_id = given.item_id
where {condition}
""")

MEETING = sql.SQL("select m.id from public.memories as m where m.id = any(%(ids)s) and {condition}")

# As dreams.memory_edges has them, with the nights' down-scaling where it applies.
EDGES = """
with factors as (
    select c.as_of, c.timezone, c.night_hour, 1 - c.forgetting_rate as kept from dreams.visible_cycle as c
),
found as (
    select memory_a as source, memory_b as target, edge_type, forward_weight as weight, scaled_through
    from dreams.edge_states where memory_a = any(%(ids)s)
    union all
    select memory_b, memory_a, edge_type, backward_weight, scaled_through
    from dreams.edge_states where memory_b = any(%(ids)s)
)
select
    source, target, edge_type,
    case
        when scaled_through is null then weight
        else weight * (
            select power(kept, greatest(dreams.night_of(as_of, timezone, night_hour) - scaled_through, 0)) from factors
        )
    end
from found
"""


class Facts(NamedTuple):
    """A row of public.memories that may be a result, and what was dreamt of the document it belongs to."""

    id: UUID
    item_id: UUID
    asking: float
    people: str | None
    cosine_similarity: float | None
    tag_similarity: float | None
    episode_id: str | None
    previous_id: UUID | None
    stability_days: float | None
    last_reviewed_at: datetime | None


class Edge(NamedTuple):
    """What a memory passes to another that it is joined to."""

    source: UUID
    target: UUID
    edge_type: str
    weight: float


def prepare(connection: Connection) -> None:
    """Sets up a connection for searching."""
    for name, value in SETTINGS.items():
        connection.execute("select set_config(%s, %s, false)", (name, value))


def nearest(
    connection: Connection, vector: str, model: str, limit: int, condition: sql.Composable, values: Mapping[str, object]
) -> Mapping[UUID, float]:
    """Cosine similarities of the memories nearest to a vector.

    Where a condition leaves few, the index may look in vain: then all that meet it are compared.
    """
    parameters = {**values, "vector": vector, "model": model, "limit": limit}
    query = NEAREST.format(condition=condition)
    found = connection.execute(query, parameters).fetchall()
    if len(found) < limit and values:
        with connection.transaction():
            connection.execute("set local enable_indexscan = off")
            found = connection.execute(query, parameters).fetchall()
    return dict(cast(Sequence[tuple[UUID, float]], found))


def facts(
    connection: Connection,
    ids: Collection[UUID],
    vector: str | None,
    model: str,
    condition: sql.Composable,
    values: Mapping[str, object],
    *,
    with_people: bool,
    with_tags: bool,
) -> Sequence[Facts]:
    """What is known of some rows; those that do not meet the condition, or are gone, are left out."""
    query = FACTS.format(
        condition=condition,
        with_people=sql.Literal(with_people),
        with_vector=sql.Literal(vector is not None),
        with_tags=sql.Literal(with_tags and vector is not None),
    )
    rows = connection.execute(query, {**values, "ids": list(ids), "vector": vector, "model": model}, binary=True)
    return [Facts._make(row) for row in rows]


def meeting(
    connection: Connection, ids: Collection[UUID], condition: sql.Composable, values: Mapping[str, object]
) -> Sequence[UUID]:
    """Those of some rows that meet a condition, in no order."""
    rows = connection.execute(MEETING.format(condition=condition), {**values, "ids": list(ids)})
    return [cast(UUID, row_id) for (row_id,) in rows]


def passages(connection: Connection, ids: Collection[UUID]) -> Mapping[UUID, str]:
    """The contents of some rows."""
    rows = connection.execute("select id, content from public.memories where id = any(%s)", (list(ids),))
    return dict(cast(Sequence[tuple[UUID, str]], rows.fetchall()))


def edges(connection: Connection, ids: Collection[UUID]) -> Sequence[Edge]:
    """Edges from some memories, in the direction away from them."""
    return [Edge._make(row) for row in connection.execute(EDGES, {"ids": list(ids)}, binary=True)]
