"""Reduces vectors to 256 dimensions: a cut if the model was trained for it, else projection on principal axes."""

from collections.abc import Iterator

import numpy
from numpy.typing import NDArray
from pgvector import Vector

from memories.postgres.database import Connection

REDUCED_DIMENSIONS = 256
FEWEST_MEMORIES = 300
GROWTH_BEFORE_RELEARNING = 4
SAMPLE_MEMORIES = 20_000
PAGE = 4096
NAME = "reduction"
# Matryoshka models keep their meaning in the first dimensions.
MATRYOSHKA_MODELS = {"nomic-embed-text"}
Matrix = NDArray[numpy.float64]


def reduce(connection: Connection, model: str) -> int:
    """Fills embedding_reduced of this model's vectors; returns how many, 0 with too few memories to learn from."""
    if model.split(":")[0] in MATRYOSHKA_MODELS:
        identity = numpy.eye(768)[:, :REDUCED_DIMENSIONS]
        return _project(connection, model, numpy.zeros(768), identity)
    row = connection.execute(
        "select count(*), (select max(trained_on) from dreams.learned_vectors where name = %s and embedding_model = %s)"
        " from public.memories where embedding_model = %s and embedding_vector is not null",
        (NAME, model, model),
    ).fetchone()
    count, trained_on = (int(str(row[0])), row[1]) if row else (0, None)
    if trained_on is None and count < FEWEST_MEMORIES:
        return 0
    with connection.transaction():
        if trained_on is None or count >= GROWTH_BEFORE_RELEARNING * int(str(trained_on)):
            _learn(connection, model, count)
        mean, axes = _learned(connection, model)
        return _project(connection, model, mean, axes)


def _learn(connection: Connection, model: str, count: int) -> None:
    """Learns mean and principal axes of a sample of vectors, chosen by the memories' ids alone."""
    vectors = numpy.array(
        [
            row[0]
            for row in connection.execute(
                "select embedding_vector::real[] from public.memories where embedding_model = %s"
                " and embedding_vector is not null order by id limit %s",
                (model, SAMPLE_MEMORIES),
            )
        ],
        dtype=numpy.float64,
    )
    mean = vectors.mean(axis=0)
    axes = numpy.linalg.svd(vectors - mean, full_matrices=False)[2][:REDUCED_DIMENSIONS]
    version = connection.execute(
        "select coalesce(max(version), 0) + 1 from dreams.learned_vectors where name = %s", (NAME,)
    ).fetchone()
    with connection.cursor().copy(
        "copy dreams.learned_vectors (name, version, position, embedding_model, vector, trained_on) from stdin"
    ) as copy:
        for position, vector in enumerate([mean, *axes]):
            copy.write_row((NAME, version[0] if version else 1, position, model, vector.tolist(), count))
    connection.execute("update public.memories set embedding_reduced = null where embedding_model = %s", (model,))


def _learned(connection: Connection, model: str) -> tuple[Matrix, Matrix]:
    rows = connection.execute(
        "select vector from dreams.learned_vectors as v where name = %s and embedding_model = %s and version ="
        " (select max(version) from dreams.learned_vectors as l where l.name = v.name and"
        "  l.embedding_model = v.embedding_model) order by position",
        (NAME, model),
    ).fetchall()
    vectors = numpy.array([row[0] for row in rows], dtype=numpy.float64)
    return vectors[0], vectors[1:].T


def _project(connection: Connection, model: str, mean: Matrix, axes: Matrix) -> int:
    projected = 0
    for page in _unreduced(connection, model):
        matrix = (numpy.array([vector for _, vector in page], dtype=numpy.float64) - mean) @ axes
        lengths = numpy.linalg.norm(matrix, axis=1, keepdims=True)
        matrix = numpy.pad(
            numpy.divide(matrix, lengths, out=matrix, where=lengths > 0),
            ((0, 0), (0, REDUCED_DIMENSIONS - matrix.shape[1])),
        )
        connection.cursor().executemany(
            "update public.memories set embedding_reduced = %s::vector where id = %s",
            [(Vector(vector).to_text(), memory_id) for (memory_id, _), vector in zip(page, matrix, strict=True)],
        )
        projected += len(page)
    return projected


def _unreduced(connection: Connection, model: str) -> Iterator[list[tuple[object, ...]]]:
    while page := connection.execute(
        "select id, embedding_vector::real[] from public.memories where embedding_model = %s"
        " and embedding_vector is not null and embedding_reduced is null order by id limit %s",
        (model, PAGE),
    ).fetchall():
        yield page
