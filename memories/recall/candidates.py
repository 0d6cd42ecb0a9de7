"""What Postgres tells a search: the nearest memories by meaning, what is known of each, how they are joined.

Called by recall. What returns a cursor has asked; the answer is waited for where its rows are fetched.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from typing import NamedTuple, cast

from pgvector import Vector
from pgvector.psycopg import register_vector
from psycopg import Cursor, sql
from psycopg.rows import args_row

from memories.instant import read_in_utc
from memories.limits import INDEXED_PEOPLE_CHARACTERS
from memories.postgres.database import Connection

# A search reads few rows of many tables, by their indexes; the planner's defaults are for slow disks and for reports.
# The vector index keeps the nearest sixty in sight (Malkov & Yashunin 2018: ef).
SETTINGS = {"random_page_cost": "1.1", "max_parallel_workers_per_gather": "0", "hnsw.ef_search": "60"}

# An id as Postgres sends it, sixteen bytes: a search compares thousands of them, much faster than so many UUIDs.
Key = bytes

NEAREST = sql.SQL("""
array(
    select m.id
    from public.memories as m
    where m.embedding_vector is not null and m.embedding_model = %(model)s and {condition}
    order by m.embedding_vector::halfvec(768) <=> %(vector)s::halfvec(768)
    limit {limit}
)
""")

# Chunks of a document are known by its first: Codex gives them a parent_id that is no memory's.
ROWS = sql.SQL("""
select
    uuid_send(m.id),
    uuid_send(
        case
            when m.parent_id is null then m.id
            else (
                select f.id from public.memories as f where f.parent_id = m.parent_id
                order by f.chunk_index, f.id limit 1
            )
        end
    ),
    m.asking,
    case when {with_people}
        then left(
            concat_ws(' ', m.metadata ->> 'speaker', m.metadata ->> 'author', m.metadata ->> 'people'),
            {most_people_characters}
        ) end,
    case when {with_vector} and m.embedding_model = %(model)s
        then 1 - (m.embedding_vector <=> %(vector)s::vector(768)) end,
    case when {with_tags} and m.embedding_model = %(model)s
        then 1 - (m.tag_embedding <=> %(vector)s::vector(768)) end
from public.memories as m
where m.id = any({source}) and {condition}
""")
GIVEN = sql.SQL("%(ids)s::uuid[]")

DREAMT = """
select
    uuid_send(given.id), p.episode_id, uuid_send(p.previous_memory_id),
    dreams.retrievability(
        extract(epoch from %(instant)s - s.last_reviewed_at)::double precision / 86400, s.stability_days, c.fsrs_decay
    ), uuid_send(s.superseded_by)
from unnest(%(ids)s::uuid[]) as given (id)
left join dreams.episode_members as p on p.memory_id = given.id
left join dreams.memory_states as s on s.memory_id = given.id
left join (select fsrs_decay from dreams.visible_cycle) as c on true
"""

MEETING = sql.SQL("select uuid_send(m.id) from public.memories as m where m.id = any(%(ids)s::uuid[]) and {condition}")

PASSAGES = "select uuid_send(id), content from public.memories where id = any(%s::uuid[])"

# As dreams.memory_edges has them, with the nights' down-scaling where it applies.
EDGES = """
with cycle as materialized (
    select night, forgetting_rate, least_weight from dreams.visible_cycle
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
                else dreams.waned(weight, forgetting_rate, night - scaled_through, least_weight)
            end
        ),
        ''::bytea
    )
from found cross join cycle
group by edge_type
"""
# What one edge takes there.
PACKED_EDGE = Struct(">16s16sd")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search wants to know of rows: those that meet a condition, compared with a vector of a model."""

    model: str
    vector: Vector | None
    condition: sql.Composable
    values: Mapping[str, object]
    with_people: bool = False
    with_tags: bool = False


class Row(NamedTuple):
    """A row of public.memories that may be a result, and the document it belongs to."""

    id: Key
    item_id: Key
    asking: float
    people: str | None
    cosine_similarity: float | None
    tag_similarity: float | None


class Dreamt(NamedTuple):
    """What was dreamt of a document; nothing when it has not been dreamt of yet."""

    item_id: Key
    episode_id: str | None = None
    previous_id: Key | None = None
    retrievability: float | None = None
    """By the parameters of the visible cycle, at the instant of the search."""
    superseded_by: Key | None = None


# What part of its activation a memory passes to another: the one, the other, the part.
Edge = tuple[Key, Key, float]
# By their type.
Edges = Mapping[str, Sequence[Edge]]


def prepare(connection: Connection) -> None:
    """Sets up a connection for searching."""
    read_in_utc(connection)
    register_vector(connection)
    for name, value in SETTINGS.items():
        connection.execute("select set_config(%s, %s, false)", (name, value))


def rows(connection: Connection, ids: Collection[Key], question: Asked) -> Cursor[Row]:
    """What is known of some rows; those that do not meet the condition, or are gone, are left out."""
    return _rows(connection, GIVEN, question, {"ids": _array(ids)})


def nearest_rows(connection: Connection, question: Asked, limit: int) -> Cursor[Row]:
    """The same of the rows nearest to the question's vector, in no order.

    Where a condition leaves few the index may look in vain, and there are fewer than there could be: `compared_rows`.
    """
    # As a literal, so that Postgres sees that one plan does for every vector.
    nearest = NEAREST.format(condition=question.condition, limit=sql.Literal(limit))
    return _rows(connection, nearest, question, {})


def compared_rows(connection: Connection, question: Asked, limit: int) -> Sequence[Row]:
    """The same after comparing all that meet the condition, without the index."""
    with connection.transaction():
        connection.execute("set local enable_indexscan = off")
        return nearest_rows(connection, question, limit).fetchall()


def dreamt(connection: Connection, item_ids: Collection[Key], instant: datetime) -> Cursor[Dreamt]:
    """What was dreamt of some documents, and how well they are remembered at an instant."""
    given = {"ids": _array(item_ids), "instant": instant}
    return connection.cursor(row_factory=args_row(Dreamt)).execute(DREAMT, given, binary=True)


def meeting(connection: Connection, ids: Collection[Key], question: Asked) -> Sequence[Key]:
    """Those of some rows that meet the question's condition, in no order."""
    parameters = {**question.values, "ids": _array(ids)}
    rows = connection.execute(MEETING.format(condition=question.condition), parameters, binary=True)
    return [cast(Key, row_id) for (row_id,) in rows]


def passages(connection: Connection, ids: Collection[Key]) -> Mapping[Key, str]:
    """The contents of some rows."""
    rows = connection.execute(PASSAGES, (_array(ids),), binary=True)
    return dict(cast(Sequence[tuple[Key, str]], rows.fetchall()))


def edges(connection: Connection, ids: Collection[Key]) -> Edges:
    """Edges from some memories, in the direction away from them."""
    rows = connection.execute(EDGES, {"ids": _array(ids)}, binary=True)
    return {str(edge_type): list(PACKED_EDGE.iter_unpack(cast(bytes, packed))) for edge_type, packed in rows}


def _rows(connection: Connection, source: sql.Composable, question: Asked, values: Mapping[str, object]) -> Cursor[Row]:
    query = ROWS.format(
        source=source,
        condition=question.condition,
        with_people=sql.Literal(question.with_people),
        most_people_characters=sql.Literal(INDEXED_PEOPLE_CHARACTERS),
        with_vector=sql.Literal(question.vector is not None),
        with_tags=sql.Literal(question.with_tags and question.vector is not None),
    )
    parameters = {**question.values, **values, "vector": question.vector, "model": question.model}
    return connection.cursor(row_factory=args_row(Row)).execute(query, parameters, binary=True)


def _array(ids: Iterable[Key]) -> str:
    return "{" + ",".join([key.hex() for key in ids]) + "}"
