"""Vectors as numpy has them: read from DuckDB's bytes, and in whole numbers. Called by the Python models."""

import numpy

# Few enough for a processor's caches.
ROWS_AT_A_TIME = 2048
# Postgres sends a vector's numbers so (stg_embeddings): half precision, the most significant byte first.
SENT = numpy.dtype(">f2")
# Of a component of a vector. A product of two vectors of whole numbers stays below 2^24, up to which float32 is exact:
# it comes out the same whatever the order, the shape and the machine (docs/decisions/0010).
STEPS = 4080
MOST_SIMILAR = 2**24


def read_vectors(places, count, dimensions, session):
    """Vectors by their place: float32 of shape (count, dimensions).

    `places` is a relation of memory_id and place (0 to count - 1). What a vector lacks at its end is zero, and so is
    one that is not there. They are read piece by piece: at a million, one copy of all is as much as there is room for.
    And by the numbers of their rows, of which DuckDB knows where these stand: joined by memory, the vectors of all
    would be read. (What `dbt.ref` gives is a query, which has no such numbers.)
    """
    vectors = numpy.zeros((count, dimensions), dtype=numpy.float32)
    rows = session.sql(
        """
        with wanted as (
            select stored.rowid as row_number, places.place
            from stg_embeddings as stored inner join places using (memory_id)
        )
        select wanted.place, stored.embedding
        from stg_embeddings as stored inner join wanted on wanted.row_number = stored.rowid
        """
    )
    while part := rows.fetchmany(ROWS_AT_A_TIME):
        found, sent = zip(*part, strict=True)
        whole = b"".join(each.ljust(SENT.itemsize * dimensions, b"\0") for each in sent)
        vectors[list(found)] = numpy.frombuffer(whole, dtype=SENT).reshape(-1, dimensions)
    return vectors


def in_whole_numbers(vectors):
    """Vectors of length one, their components in whole numbers of 1/STEPS, as float32."""
    whole = vectors * numpy.float32(STEPS)
    return numpy.rint(whole, out=whole)


def ranges(stop, step):
    """What is to be done a piece at a time, as slices."""
    return [slice(at, min(at + step, stop)) for at in range(0, stop, step)]
