"""Embeds memories with any model, stores their vectors, and records failures."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import numpy
from numpy.typing import NDArray

from memories.apparatus import apparatus
from memories.embedding.passages import Passage, passages
from memories.embedding.vectors import (
    COLUMN_DIMENSIONS,
    Embed,
    Vectors,
    as_document,
    padded,
)
from memories.errors import ModelError, ModelUnreachable
from memories.postgres.database import Connection

Found = Mapping[int, NDArray[numpy.float64]]
Failures = Mapping[int, str]


class Waiting(NamedTuple):
    """A memory without a vector. The model reads the heading before each passage of the content."""

    id: UUID
    content_hash: str
    heading: str
    content: str


class MemoryEmbedding(NamedTuple):
    """The vector of a memory. A content of several passages has one for each, and their mean as its own."""

    vector: NDArray[numpy.float64]
    passages: Sequence[tuple[Passage, NDArray[numpy.float64]]]


Batch = Sequence[Waiting]
Embeddings = Mapping[int, MemoryEmbedding]
UNUSABLE = "the model gave no usable vector"
NEW_MINUTES = 10
# What a model embeds at once beside searches, whose queries wait for no more than that.
MOST_TEXTS = 8

# What the model reads before the content: the title unless the first 300 characters hold it, the aliases, who speaks.
TEXT = """
concat(
    case
        when position(lower(m.metadata ->> 'title') in lower(left(m.content, 300))) = 0
            then (m.metadata ->> 'title') || E'\\n'
    end,
    translate(m.metadata ->> 'aliases', '[]"', '') || E'\\n',
    (m.metadata ->> 'speaker') || ': '
), m.content
"""

# Skips rows that another transaction holds: waiting for them could deadlock.
WRITE = """
with given as (
    select * from unnest(%(ids)s::uuid[], %(hashes)s::text[], %(vectors)s::text[], %(magnitudes)s::real[])
        as g (id, content_hash, embedding, magnitude)
),
held as (
    select m.id from public.memories as m inner join given as g on g.id = m.id and g.content_hash = m.content_hash
    order by m.id for no key update of m skip locked
)
update public.memories as m set
    embedding_vector = g.embedding::vector, vector_magnitude = g.magnitude, embedding_model = %(model)s,
    embedding_reduced = null,
    tag_embedding = case when m.embedding_model = %(model)s then m.tag_embedding end,
    last_embedding_update = clock_timestamp() at time zone 'UTC'
from held inner join given as g on g.id = held.id
where m.id = held.id
returning m.id
"""

COPY_PASSAGES = """
copy dreams.passages (memory_id, number, from_character, to_character, embedding_model, embedding) from stdin
"""

CLEAR = "delete from dreams.embedding_failures where memory_id = any(%s)"

FAIL = """
insert into dreams.embedding_failures (memory_id, embedding_model, reason) values (%s, %s, %s)
on conflict (memory_id, embedding_model) do update
set reason = excluded.reason, attempts = embedding_failures.attempts + 1, last_attempt_at = excluded.last_attempt_at
"""

WAITS = """
m.embedding_vector is null and not exists (
    select from dreams.embedding_failures as f
    where f.memory_id = m.id and f.embedding_model = %(model)s and f.last_attempt_at >= m.updated_at
)
"""

ANY_WAITING = "select exists (select from public.memories where embedding_vector is null)"

# If few wait, all of them. If many do, since a source was read, only those of the last minutes, whatever their date.
NEWEST = f"""
with few as (select id from public.memories where embedding_vector is null order by id limit %(limit)s + 1),
newest as (
    select memory_id from (
        select memory_id from dreams.content_changes order by changed_in desc limit 8 * %(limit)s
    ) as latest
    where (select count(*) from few) > %(limit)s
)
select m.id, m.content_hash, {TEXT}
from public.memories as m left join dreams.content_changes as c on c.memory_id = m.id
where
    m.id in (select id from few union all select memory_id from newest) and {WAITS}
    and (
        (select count(*) from few) <= %(limit)s
        or exists (
            select from dreams.recall_events as e
            where e.memory_id = m.id and e.kind in ('created', 'edited')
                and e.recorded_at > clock_timestamp() - make_interval(mins => {NEW_MINUTES})
        )
    )
order by c.changed_in desc nulls last limit %(limit)s
"""  # noqa: S608

AMONG = f"""
select m.id, m.content_hash, {TEXT} from public.memories as m
where (m.id = any(%(ids)s) or m.parent_id = any(%(ids)s)) and {WAITS} limit %(limit)s
"""  # noqa: S608


def newest_waiting(connection: Connection, model: str, limit: int) -> Batch:
    """The newest memories without a vector; those that this model failed on wait for `dreams embed`."""
    if connection.execute(ANY_WAITING).fetchone() == (False,):
        return []
    return _batch(connection, NEWEST, {"model": model, "limit": limit})


def waiting_among(connection: Connection, model: str, memory_ids: Collection[UUID], limit: int) -> Batch:
    """Those of the given memories and all their chunks that have no vector and did not fail."""
    return _batch(connection, AMONG, {"model": model, "ids": list(memory_ids), "limit": limit})


def _batch(connection: Connection, statement: str, values: Mapping[str, object]) -> Batch:
    rows = connection.execute(statement.encode(), values, prepare=True).fetchall()
    return [Waiting(UUID(str(row[0])), str(row[1]), str(row[2]), str(row[3])) for row in rows]


def embed_batch(connection: Connection, embed: Embed, model: str, batch: Batch) -> int:
    """Embeds memories and stores their vectors or failures; returns how many memories it dealt with.

    Raises ModelUnreachable when nothing can be embedded, and ModelError when the vectors do not fit the store.
    """

    def embed_few(texts: Sequence[str]) -> Vectors:
        steps = range(0, len(texts), MOST_TEXTS)
        return numpy.concatenate([embed(texts[step : step + MOST_TEXTS]) for step in steps])

    found, failures = embeddings_of(embed_few, model, batch)
    with connection.transaction():
        return write_vectors(connection, model, batch, found, failures) + len(failures)


def embeddings_of(embed: Embed, model: str, batch: Batch) -> tuple[Embeddings, Failures]:
    """Embeds each memory, passage by passage; returns the embeddings, and reasons for failures, by place in the batch.

    A memory fails with any of its passages. Raises as `vectors_of` does.
    """
    cut = [_passages_of_text(waiting.content) for waiting in batch]
    texts = [
        as_document(model, waiting.heading + passage.text)
        for waiting, its_passages in zip(batch, cut, strict=True)
        for passage in its_passages
    ]
    vectors, reasons = vectors_of(embed, texts)
    found: dict[int, MemoryEmbedding] = {}
    failures: dict[int, str] = {}
    first = 0
    for place, its_passages in enumerate(cut):
        numbers = range(first, first + len(its_passages))
        first += len(its_passages)
        reason = next((reasons[number] for number in numbers if number in reasons), None)
        if reason is not None:
            failures[place] = reason
            continue
        its_vectors = [vectors[number] for number in numbers]
        if its_passages[0].to_character == len(batch[place].content) and its_passages[0].from_character == 0:
            found[place] = MemoryEmbedding(its_vectors[0], [])
            continue
        mean = numpy.mean([vector / numpy.linalg.norm(vector) for vector in its_vectors], axis=0)
        found[place] = MemoryEmbedding(
            mean / numpy.linalg.norm(mean), list(zip(its_passages, its_vectors, strict=True))
        )
    return found, failures


def _passages_of_text(content: str) -> Sequence[Passage]:
    """The passages of a content, without those of nothing but apparatus, such as trailers, signatures and logs."""
    text = apparatus(content).text
    found = passages(text + content[len(text) :])
    return [passage for passage in found if passage.text.strip()] or passages(content)[:1]


def unit_vector(embed: Embed, text: str) -> NDArray[numpy.float32]:
    """Returns a text's vector, of length one. Raises ModelError when the model gives none."""
    found, failures = vectors_of(embed, [text])
    if failures:
        raise ModelError(failures[0])
    return (found[0] / numpy.linalg.norm(found[0])).astype(numpy.float32)


def vectors_of(embed: Embed, texts: Sequence[str]) -> tuple[Found, Failures]:
    """Returns vectors, and reasons for failures, by position in `texts`; halves a failing batch to find the culprits.

    Raises ModelUnreachable when nothing can be embedded, and ModelError when the vectors do not fit the store.
    """
    try:
        vectors = embed(texts)
    except ModelUnreachable:
        raise
    except ModelError as error:
        if len(texts) == 1:
            return {}, {0: str(error)}
        half = len(texts) // 2
        found, failures = vectors_of(embed, texts[:half])
        more_found, more_failures = vectors_of(embed, texts[half:])
        return (
            {**found, **{half + place: vector for place, vector in more_found.items()}},
            {**failures, **{half + place: reason for place, reason in more_failures.items()}},
        )
    return _checked(numpy.asarray(vectors, dtype=numpy.float64), len(texts))


def _checked(vectors: NDArray[numpy.float64], expected: int) -> tuple[Found, Failures]:
    if vectors.ndim != 2 or len(vectors) != expected:
        raise ModelError(f"the model gave {len(vectors)} vectors for {expected} texts: use another embedding model")
    if vectors.shape[1] > COLUMN_DIMENSIONS:
        raise ModelError(
            f"the model has {vectors.shape[1]} dimensions, the store {COLUMN_DIMENSIONS}: use a smaller embedding model"
        )
    lengths = numpy.linalg.norm(vectors, axis=1)
    usable = numpy.isfinite(lengths) & (lengths > 0)
    return (
        {place: vectors[place] for place in range(expected) if usable[place]},
        {place: UNUSABLE for place in range(expected) if not usable[place]},
    )


def write_vectors(connection: Connection, model: str, batch: Batch, found: Embeddings, failures: Failures) -> int:
    """Stores vectors of unchanged contents, and the reasons for failures; returns how many vectors it stored."""
    places = list(found)
    rows = connection.execute(
        WRITE,
        {
            "model": model,
            "ids": [batch[place].id for place in places],
            "hashes": [batch[place].content_hash for place in places],
            "vectors": [padded(found[place].vector) for place in places],
            "magnitudes": [float(numpy.linalg.norm(found[place].vector)) for place in places],
        },
    ).fetchall()
    written = {UUID(str(memory_id)) for (memory_id,) in rows}
    _write_passages(
        connection, model, {batch[place].id: found[place] for place in places if batch[place].id in written}
    )
    connection.execute(CLEAR, ([batch[place].id for place in places],))
    if failures:
        connection.cursor().executemany(FAIL, [(batch[place].id, model, reason) for place, reason in failures.items()])
    return len(written)


def _write_passages(connection: Connection, model: str, found: Mapping[UUID, MemoryEmbedding]) -> None:
    connection.execute("delete from dreams.passages where memory_id = any(%s)", (list(found),))
    if not any(embedding.passages for embedding in found.values()):
        return
    with connection.cursor().copy(COPY_PASSAGES) as copy:
        for memory_id, embedding in found.items():
            for number, (passage, vector) in enumerate(embedding.passages, 1):
                copy.write_row((memory_id, number, passage.from_character, passage.to_character, model, padded(vector)))
