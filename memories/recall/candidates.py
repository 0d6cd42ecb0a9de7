"""Reads what a search needs from Postgres: the nearest memories by meaning, the fields of each, the edges between them.

A function that returns a cursor has sent its query; in pipeline mode, only fetching the rows waits for the answer.
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

# A search reads few rows of many tables through their indexes; the planner's defaults suit slow disks and reports.
# The HNSW index keeps a candidate list of 60 (ef in Malkov & Yashunin 2018).
SETTINGS = {"random_page_cost": "1.1", "max_parallel_workers_per_gather": "0", "hnsw.ef_search": "60"}

# An id as Postgres sends it, 16 bytes: a search compares thousands of them, and bytes compare much faster than UUIDs.
Key = bytes

NEAREST = sql.SQL("""
array(
    select m.id
    from public.memories as m
    where m.embedding_vector is not null and m.embedding_model = %(model)s and {condition}
    order by m.embedding_vector::halfvec(768) <=> %(vector)s::halfvec(768)
    limit {limit}
)
|| array(
    select m.id
    from dreams.passages as p inner join public.memories as m on m.id = p.memory_id
    where p.embedding_model = %(model)s and {condition}
    order by p.embedding <=> %(vector)s::halfvec(768)
    limit {limit}
)
""")

# A person who talks with an assistant tells it things in the same turns in which they ask.
IS_OF_CHAT = sql.SQL("lower(coalesce(m.metadata ->> 'role', m.metadata ->> 'speaker')) in ('user', 'assistant')")

# A document is identified by its first chunk: the parent_id that Codex gives its chunks is no memory's id.
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
    case when coalesce({is_of_chat}, false) then 0 else m.asking end,
    lower(coalesce(m.metadata ->> 'role', m.metadata ->> 'speaker')) = 'assistant',
    case when {with_people}
        then left(
            concat_ws(' ', m.metadata ->> 'speaker', m.metadata ->> 'author', m.metadata ->> 'people'),
            {most_people_characters}
        ) end,
    case when {with_vector} and m.embedding_model = %(model)s
        then greatest(
            1 - (m.embedding_vector <=> %(vector)s::vector(768)),
            (
                select 1 - min(p.embedding <=> %(vector)s::halfvec(768)) from dreams.passages as p
                where p.memory_id = m.id and p.embedding_model = %(model)s
            )
        ) end,
    case when {with_tags} and m.embedding_model = %(model)s
        then 1 - (m.tag_embedding <=> %(vector)s::vector(768)) end,
    case when {with_dates} then m.created_at end
from public.memories as m
where m.id = any({source}) and {condition}
""")
GIVEN = sql.SQL("%(ids)s::uuid[]")

# Of a long stretch of time, a search compares only the memories created last.
OF_PERIOD = sql.SQL("""
array(
    select m.id
    from (
        select m.* from public.memories as m
        where m.created_at >= %(start)s and m.created_at < %(end)s and {condition}
        order by m.created_at desc limit {compared}
    ) as m
    order by
        case when m.embedding_model = %(model)s then m.embedding_vector <=> %(vector)s::vector(768) end nulls last,
        m.created_at desc
    limit {limit}
)
""")
COMPARED_OF_PERIOD = 2_000

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

# The content of rows, and the passage of each that is nearest to the query.
CONTENTS = """
select uuid_send(m.id), m.content, coalesce(best.from_character, 0), coalesce(best.to_character, char_length(m.content))
from public.memories as m left join lateral (
    select p.from_character, p.to_character from dreams.passages as p
    where p.memory_id = m.id and p.embedding_model = %(model)s
    order by p.embedding <=> %(vector)s::halfvec(768) limit 1
) as best on true
where m.id = any(%(ids)s::uuid[])
"""

# The edges of the view dreams.memory_edges, with its nightly down-scaling.
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
# One edge in that string: source, target, weight.
PACKED_EDGE = Struct(">16s16sd")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search asks of rows: a condition to meet, a vector of `model` to compare with, and fields to compute."""

    model: str
    vector: Vector | None
    condition: sql.Composable
    values: Mapping[str, object]
    with_people: bool = False
    with_tags: bool = False
    with_dates: bool = False


class CandidateRow(NamedTuple):
    """A row of public.memories that may be a result, with the id of its document."""

    id: Key
    item_id: Key
    asking: float
    is_by_assistant: bool | None
    people: str | None
    cosine_similarity: float | None
    tag_similarity: float | None
    created_at: datetime | None
    """Only where the question names a time."""


class Content(NamedTuple):
    """The content of a row, and the passage of it nearest to the query: without a vector, or in a short one, all."""

    text: str
    excerpt: str


class Dreamt(NamedTuple):
    """What the visible cycle computed for a document; fields are None when it has computed nothing yet."""

    item_id: Key
    episode_id: str | None = None
    previous_id: Key | None = None
    retrievability: float | None = None
    """By the parameters of the visible cycle, at the instant of the search."""
    superseded_by: Key | None = None


# (source, target, weight): the share of its activation that the source passes to the target.
Edge = tuple[Key, Key, float]
# Edges by type.
Edges = Mapping[str, Sequence[Edge]]


def prepare(connection: Connection) -> None:
    """Sets up a connection for searching."""
    read_in_utc(connection)
    register_vector(connection)
    for name, value in SETTINGS.items():
        connection.execute("select set_config(%s, %s, false)", (name, value))


def rows(connection: Connection, ids: Collection[Key], question: Asked) -> Cursor[CandidateRow]:
    """Reads rows by id, leaving out those that are deleted or do not meet the condition."""
    return _rows(connection, GIVEN, question, {"ids": _array(ids)})


def nearest_rows(connection: Connection, question: Asked, limit: int) -> Cursor[CandidateRow]:
    """Reads the rows nearest to the question's vector through the vector index, unordered.

    Under a selective condition the index may return fewer rows than `limit` although more exist: see `compared_rows`.
    """
    # A literal limit, so that Postgres sees that one plan suits every vector.
    nearest = NEAREST.format(condition=question.condition, limit=sql.Literal(limit))
    return _rows(connection, nearest, question, {})


def rows_of_period(
    connection: Connection, question: Asked, start: datetime, end: datetime, limit: int
) -> Cursor[CandidateRow]:
    """Reads the rows created from `start` until before `end` that are nearest to the vector, or the latest of them."""
    source = OF_PERIOD.format(
        condition=question.condition, compared=sql.Literal(COMPARED_OF_PERIOD), limit=sql.Literal(limit)
    )
    return _rows(connection, source, question, {"start": start, "end": end})


def compared_rows(connection: Connection, question: Asked, limit: int) -> Sequence[CandidateRow]:
    """Reads the nearest rows by comparing every row that meets the condition, without the index."""
    with connection.transaction():
        connection.execute("set local enable_indexscan = off")
        return nearest_rows(connection, question, limit).fetchall()


def dreamt(connection: Connection, item_ids: Collection[Key], instant: datetime) -> Cursor[Dreamt]:
    """Reads what the visible cycle computed for documents, with their retrievability at `instant`."""
    given = {"ids": _array(item_ids), "instant": instant}
    return connection.cursor(row_factory=args_row(Dreamt)).execute(DREAMT, given, binary=True)


def meeting(connection: Connection, ids: Collection[Key], question: Asked) -> Sequence[Key]:
    """The ids of those rows that meet the question's condition, unordered."""
    parameters = {**question.values, "ids": _array(ids)}
    rows = connection.execute(MEETING.format(condition=question.condition), parameters, binary=True)
    return [cast(Key, row_id) for (row_id,) in rows]


def contents(connection: Connection, ids: Collection[Key], question: Asked) -> Mapping[Key, Content]:
    """The contents of rows, by id."""
    parameters = {"ids": _array(ids), "vector": question.vector, "model": question.model}
    rows = connection.execute(CONTENTS, parameters, binary=True)
    found = cast(Sequence[tuple[Key, str, int, int]], rows.fetchall())
    return {key: Content(text, text[first:last]) for key, text, first, last in found}


def edges(connection: Connection, ids: Collection[Key]) -> Edges:
    """The edges that lead away from some memories, by type."""
    rows = connection.execute(EDGES, {"ids": _array(ids)}, binary=True)
    return {str(edge_type): list(PACKED_EDGE.iter_unpack(cast(bytes, packed))) for edge_type, packed in rows}


def _rows(
    connection: Connection, source: sql.Composable, question: Asked, values: Mapping[str, object]
) -> Cursor[CandidateRow]:
    query = ROWS.format(
        source=source,
        is_of_chat=IS_OF_CHAT,
        condition=question.condition,
        with_people=sql.Literal(question.with_people),
        most_people_characters=sql.Literal(INDEXED_PEOPLE_CHARACTERS),
        with_vector=sql.Literal(question.vector is not None),
        with_tags=sql.Literal(question.with_tags and question.vector is not None),
        with_dates=sql.Literal(question.with_dates),
    )
    parameters = {**question.values, **values, "vector": question.vector, "model": question.model}
    return connection.cursor(row_factory=args_row(CandidateRow)).execute(query, parameters, binary=True)


def _array(ids: Iterable[Key]) -> str:
    return "{" + ",".join([key.hex() for key in ids]) + "}"
