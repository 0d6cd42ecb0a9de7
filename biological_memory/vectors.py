"""Reads vectors from DuckDB into numpy, and quantises them to whole numbers for reproducible products."""

import numpy

# Fits into a processor's caches.
ROWS_AT_A_TIME = 2048
# The format of stg_embeddings, as Postgres sends it: half precision, most significant byte first.
SENT = numpy.dtype(">f2")
# Quantisation steps per unit of a vector's component. The inner product of two quantised unit vectors stays below 2^24,
# up to which float32 is exact: the result is the same for any order, shape and machine (docs/decisions/0010).
STEPS = 4080
MOST_SIMILAR = 2**24


def read_vectors(places, count, dimensions, session):
    """Reads vectors into a float32 array of shape (count, dimensions), indexed by place.

    `places` is a relation of memory_id and place (0 to count - 1). Missing vectors, and missing components at the end,
    are zero. Reads in batches, because a second copy of a million vectors does not fit in memory. Joins by rowid, so
    that DuckDB reads only these vectors: a join by memory_id would read all. (`dbt.ref` gives a query, which has no
    rowid, so the SQL names the table.)
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
    """Quantises unit vectors: their components as whole multiples of 1/STEPS, in float32."""
    whole = vectors * numpy.float32(STEPS)
    return numpy.rint(whole, out=whole)


def ranges(stop, step):
    """Splits range(stop) into slices of `step`."""
    return [slice(at, min(at + step, stop)) for at in range(0, stop, step)]
