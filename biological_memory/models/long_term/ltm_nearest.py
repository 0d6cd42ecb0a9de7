"""One row per memory with a vector: its nearest memories among the earlier ones of its agent, with their similarity.

Looking back only, an edge once drawn stays: later memories add edges of their own. The search goes through the lists of
a coarse quantiser (inverted file) with recorded centroids: exact within the lists probed, whatever the batches, so that
an incremental run equals a rebuild.
"""

import duckdb
import faiss
import numpy

BATCH_MEMORIES = 1024
PROBED_LISTS = 16
SPARE_CANDIDATES = 8
SIMILARITY_DECIMALS = 9
# Rows compared in double precision at a time: so many times the candidates of each, of all dimensions, are in memory.
COMPARED_ROWS = 256
NOBODY = -1


def model(dbt, session):
    neighbours = int(dbt.config.get("semantic_neighbours"))
    threshold = float(dbt.config.get("semantic_similarity"))
    inputs = dbt.ref("ltm_nearest_inputs")
    embeddings = dbt.ref("stg_embeddings")
    centroids = dbt.ref("ltm_centroids")
    missing = f"memory_id not in (select memory_id from {dbt.this})" if dbt.is_incremental else "true"
    session.execute(
        "create or replace temp table nearest_rows (memory_id uuid, fingerprint varchar,"
        " nearest_similarity double, neighbour_ids uuid[], similarities double[])"
    )
    groups = session.sql(
        f"select agent, embedding_model from inputs where {missing} group by all order by all"
    ).fetchall()
    for agent, embedding_model in groups:
        # Filters, not parameters: what has parameters, DuckDB hands over value by value.
        own = inputs.filter(is_equal("agent", agent) & is_equal("embedding_model", embedding_model))
        quantised = centroids.filter(is_equal("embedding_model", embedding_model))
        memories = session.sql(
            f"select own.memory_id::varchar as memory_id, own.fingerprint, e.embedding, {missing} as is_missing"
            " from own inner join embeddings as e using (memory_id) order by own.time_position"
        ).fetchnumpy()
        lists = session.sql(
            "select vector from quantised qualify version = max(version) over () order by position"
        ).fetchnumpy()["vector"]
        found = search_backwards(
            numpy.stack(memories["embedding"]), memories["is_missing"], numpy.stack(lists), neighbours, threshold
        )
        insert(session, memories, *found)
    return session.table("nearest_rows")


def is_equal(column, value):
    return duckdb.ColumnExpression(column) == duckdb.ConstantExpression(value)


def insert(session, memories, positions, nearest, neighbours, similarities):
    """Column by column, and the lists pair by pair: DuckDB takes arrays many times as fast as rows."""
    rows, places = numpy.nonzero(neighbours != NOBODY)
    found = {
        "number": numpy.arange(len(positions)),
        "memory_id": memories["memory_id"][positions],
        "fingerprint": memories["fingerprint"][positions],
        "nearest": nearest,
    }
    pairs = {
        "number": rows,
        "place": places,
        "neighbour_id": memories["memory_id"][neighbours[rows, places]],
        "similarity": similarities[rows, places],
    }
    # `sql` sees the variables of this function, which `execute` of dbt's session does not.
    session.sql(
        """
        insert into nearest_rows
        with listed as (
            select
                number, list(neighbour_id::uuid order by place) as neighbour_ids,
                list(similarity order by place) as similarities
            from pairs group by number
        )
        select
            memory_id::uuid, fingerprint::varchar, if(isnan(nearest), null, nearest), coalesce(neighbour_ids, []),
            coalesce(similarities, [])
        from found left join listed using (number)
        """
    )


def search_backwards(vectors, is_missing, centroids, neighbours, threshold):
    """For those memories (in time order) that are missing: where they stand, the similarity of the nearest (NaN without
    one), the positions of the neighbours, the nearest first, and their similarities; NOBODY where there are fewer.
    """
    # Centroids may have been recorded with zeros beyond the dimensions of the model.
    dimensions = vectors.shape[1]
    centroids = numpy.pad(centroids, ((0, 0), (0, max(dimensions - centroids.shape[1], 0))))[:, :dimensions]
    vectors = numpy.ascontiguousarray(vectors, dtype=numpy.float32)
    centroids = numpy.ascontiguousarray(centroids, dtype=numpy.float32)
    quantiser = faiss.IndexFlatIP(dimensions)
    quantiser.add(centroids)
    index = faiss.IndexIVFFlat(quantiser, dimensions, len(centroids), faiss.METRIC_INNER_PRODUCT)
    index.nprobe = min(PROBED_LISTS, len(centroids))
    found = []
    for start in range(0, len(vectors), BATCH_MEMORIES):
        batch = vectors[start : start + BATCH_MEMORIES]
        wanted = numpy.flatnonzero(is_missing[start : start + BATCH_MEMORIES])
        if len(wanted):
            candidates = batch_candidates(index, batch, start, wanted, neighbours + SPARE_CANDIDATES)
            found += [
                (
                    positions,
                    *compared(vectors, positions, candidates[part : part + COMPARED_ROWS], neighbours, threshold),
                )
                for part in range(0, len(wanted), COMPARED_ROWS)
                for positions in [start + wanted[part : part + COMPARED_ROWS]]
            ]
        index.add_with_ids(batch, numpy.arange(start, start + len(batch)))
    return [numpy.concatenate(columns) for columns in zip(*found, strict=True)]


def batch_candidates(index, batch, start, wanted, count):
    """Positions of the likely nearest among all earlier memories: those indexed, and those earlier in the batch.

    A product of matrices varies in its last digits with their shape, so it is always that of a whole batch.
    """
    whole = numpy.zeros((BATCH_MEMORIES, batch.shape[1]), dtype=numpy.float32)
    whole[: len(batch)] = batch
    nearness, probes = index.quantizer.search(whole, index.nprobe)
    indexed = index.search_preassigned(batch[wanted], count, probes[wanted], nearness[wanted])[1]
    similarities = (whole @ whole.T)[wanted]
    is_probed = numpy.zeros((len(wanted), index.nlist), dtype=bool)
    is_probed[numpy.arange(len(wanted))[:, None], probes[wanted]] = True
    is_reachable = is_probed[:, probes[:, 0]] & (numpy.arange(BATCH_MEMORIES) < wanted[:, None])
    similarities[~is_reachable] = -numpy.inf
    best = numpy.argpartition(-similarities, count, axis=1)[:, :count]
    nearby = numpy.where(numpy.take_along_axis(is_reachable, best, axis=1), start + best, NOBODY)
    return numpy.concatenate([indexed, nearby], axis=1)


def compared(vectors, positions, candidates, neighbours, threshold):
    """Similarities once more in double precision; lengths are 1 but for rounding, so one could pass 1.

    Where two are equal, the later memory comes first.
    """
    candidates = -numpy.sort(-candidates, axis=1)
    own, theirs = vectors[positions].astype(numpy.float64), vectors[candidates].astype(numpy.float64)
    similarities = numpy.clip(numpy.round(numpy.einsum("rd,rcd->rc", own, theirs), SIMILARITY_DECIMALS), -1, 1)
    similarities[candidates == NOBODY] = -numpy.inf
    order = numpy.argsort(-similarities, axis=1, kind="stable")
    candidates = numpy.take_along_axis(candidates, order, axis=1)
    similarities = numpy.take_along_axis(similarities, order, axis=1)
    nearest = numpy.where(candidates[:, 0] == NOBODY, numpy.nan, similarities[:, 0])
    kept = numpy.where(similarities >= threshold, candidates, NOBODY)
    return nearest, kept[:, :neighbours], similarities[:, :neighbours]
