"""Vectors as numpy has them: read from DuckDB's bytes, and in whole numbers. Called by the Python models."""

import numpy

ROWS_AT_A_TIME = 8192
# Postgres sends a vector's numbers so (stg_embeddings).
SENT = numpy.dtype(">f4")
# Of a component of a vector. A product of two vectors of whole numbers stays below 2^24, up to which float32 is exact:
# it comes out the same whatever the order, the shape and the machine (docs/decisions/0010).
STEPS = 4080
MOST_SIMILAR = 2**24


def read_vectors(rows, count, dimensions):
    """Vectors by their place: float32 of shape (count, dimensions).

    `rows` is a relation of place (0 to count - 1) and bytes. It is read piece by piece: at a million, one copy of all
    vectors is as much as there is room for. What a vector lacks at its end is zero, and so is one that is not there.
    """
    vectors = numpy.zeros((count, dimensions), dtype=numpy.float32)
    while part := rows.fetchmany(ROWS_AT_A_TIME):
        places, sent = zip(*part, strict=True)
        whole = b"".join(each.ljust(SENT.itemsize * dimensions, b"\0") for each in sent)
        vectors[list(places)] = numpy.frombuffer(whole, dtype=SENT).reshape(-1, dimensions)
    return vectors


def in_whole_numbers(vectors):
    """Vectors of length one, their components in whole numbers of 1/STEPS, as float32."""
    whole = vectors * numpy.float32(STEPS)
    return numpy.rint(whole, out=whole)


def ranges(stop, step):
    """What is to be done a piece at a time, as slices."""
    return [slice(at, min(at + step, stop)) for at in range(0, stop, step)]
