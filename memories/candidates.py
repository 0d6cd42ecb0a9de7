"""What Postgres tells a search: the nearest memories by meaning, what is known of each, how they are joined.

Called by recall.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from struct import Struct
from typing import NamedTuple, cast

from psycopg import sql

from memories.database import Connection

# A search reads few rows of many tables, by their indexes; the planner's defaults are for slow disks and for reports.
# The vector index keeps the nearest sixty in sight (Malkov & Yashunin 2018: ef).
SETTINGS = {"random_page_cost": "1.1", "max_parallel_workers_per_gather": "0", "hnsw.ef_search": "60"}

# An id as Postgres sends it, sixteen bytes: a search compares thousands of them, much faster than so many UUIDs.
Key = bytes

NEAREST = sql.SQL("""
select uuid_send(m.id)
from public.memories as m
where m.embedding_vector is not null and m.embedding_model = %(model)s and {condition}
order by m.embedding_vector::halfvec(768) <=> %(vector)s::halfvec(768)
limit %(limit)s
""")

# Chunks of a document share the state of its first: Codex gives them a parent_id that is no memory's.
FACTS = sql.SQL("""
select
    uuid_send(m.id), uuid_send(given.item_id), m.asking,
    case when {with_people}
        then concat_ws(' ', m.metadata ->> 'speaker', m.metadata ->> 'author', m.metadata ->> 'people') end,
    case when {with_vector} and m.embedding_model = %(model)s
        then 1 - (m.embedding_vector <=> %(vector)s::vector(768)) end,
    case when {with_tags} and m.embedding_model = %(model)s
        then 1 - (m.tag_embedding <=> %(vector)s::vector(768)) end,
    p.episode_id, uuid_send(p.previous_memory_id), s.stability_days,
    extract(epoch from s.last_reviewed_at)::double precision
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
    from public.memories as g where g.id = any(%(ids)s::uuid[])
) as given
inner join public.memories as m on m.id = given.id
left join dreams.episode_members as p on p.memory_id = given.item_id
left join dreams.memory_states as s on s.memory_id = given.item_id
where {condition}
""")

MEETING = sql.SQL("select uuid_send(m.id) from public.memories as m where m.id = any(%(ids)s::uuid[]) and {condition}")

PASSAGES = "select uuid_send(id), content from public.memories where id = any(%s::uuid[])"

# As dreams.memory_edges has them, with the nights' down-scaling where it applies.
EDGES = """
with cycle as materialized (
    select dreams.night_of(c.as_of, c.timezone, c.night_hour) as night, 1 - c.forgetting_rate as kept
    from dreams.visible_cycle as c
),
found as (
    select memory_a as source, memory_b as target, edge_type, forward_weight as weight, scaled_through
    from dreams.edge_states where memory_a = any(%(ids)s::uuid[])
    union all
    select memory_b, memory_a, edge_type, backward_weight, scaled_through
    from dreams.edge_states where memory_b = any(%(ids)s::uuid[])
)
select
    edge_type,
    string_agg(
        uuid_send(source) || uuid_send(target) || float8send(
            case
                when scaled_through is null then weight
                else weight * power(kept, greatest(night - scaled_through, 0))
            end
        ),
        ''::bytea
    )
from found cross join cycle
group by edge_type
"""
# What one edge takes there.
PACKED_EDGE = Struct(">16s16sd")


class Facts(NamedTuple):
    """A row of public.memories that may be a result, and what was dreamt of the document it belongs to."""

    id: Key
    item_id: Key
    asking: float
    people: str | None
    cosine_similarity: float | None
    tag_similarity: float | None
    episode_id: str | None
    previous_id: Key | None
    stability_days: float | None
    last_reviewed_at: float | None
    """In seconds since 1970."""


# What part of its activation a memory passes to another: the one, the other, the part.
Edge = tuple[Key, Key, float]
# By their type.
Edges = Mapping[str, Sequence[Edge]]


def prepare(connection: Connection) -> None:
    """Sets up a connection for searching."""
    for name, value in SETTINGS.items():
        connection.execute("select set_config(%s, %s, false)", (name, value))


def nearest(
    connection: Connection, vector: str, model: str, limit: int, condition: sql.Composable, values: Mapping[str, object]
) -> Sequence[Key]:
    """The memories nearest to a vector, the nearest first.

    Where a condition leaves few, the index may look in vain: then all that meet it are compared.
    """
    parameters = {**values, "vector": vector, "model": model, "limit": limit}
    query = NEAREST.format(condition=condition)
    found = connection.execute(query, parameters, binary=True).fetchall()
    if len(found) < limit and values:
        with connection.transaction():
            connection.execute("set local enable_indexscan = off")
            found = connection.execute(query, parameters, binary=True).fetchall()
    return [cast(Key, row_id) for (row_id,) in found]


def facts(
    connection: Connection,
    ids: Collection[Key],
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
    parameters = {**values, "ids": _array(ids), "vector": vector, "model": model}
    return [Facts._make(row) for row in connection.execute(query, parameters, binary=True)]


def meeting(
    connection: Connection, ids: Collection[Key], condition: sql.Composable, values: Mapping[str, object]
) -> Sequence[Key]:
    """Those of some rows that meet a condition, in no order."""
    rows = connection.execute(MEETING.format(condition=condition), {**values, "ids": _array(ids)}, binary=True)
    return [cast(Key, row_id) for (row_id,) in rows]


def passages(connection: Connection, ids: Collection[Key]) -> Mapping[Key, str]:
    """The contents of some rows."""
    rows = connection.execute(PASSAGES, (_array(ids),), binary=True)
    return dict(cast(Sequence[tuple[Key, str]], rows.fetchall()))


def edges(connection: Connection, ids: Collection[Key]) -> Edges:
    """Edges from some memories, in the direction away from them."""
    rows = connection.execute(EDGES, {"ids": _array(ids)}, binary=True)
    return {str(edge_type): list(PACKED_EDGE.iter_unpack(cast(bytes, packed))) for edge_type, packed in rows}


def _array(ids: Iterable[Key]) -> str:
    return "{" + ",".join([key.hex() for key in ids]) + "}"
