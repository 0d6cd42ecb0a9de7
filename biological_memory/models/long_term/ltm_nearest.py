"""One row per memory with a vector: its nearest memories among the earlier ones of its agent, with their similarity.

Looking back only, an edge once drawn stays: later memories add edges of their own. The search goes through the lists of
a coarse quantiser (inverted file) with recorded centroids: exact within the lists probed, whatever the batches, so that
an incremental run equals a rebuild.
"""

import faiss
import numpy

BATCH_MEMORIES = 2048
PROBED_LISTS = 16
SPARE_CANDIDATES = 8
SIMILARITY_DECIMALS = 9


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
        memories = session.sql(
            f"select i.memory_id::varchar as memory_id, i.fingerprint, e.embedding, {missing} as is_missing"
            " from inputs as i inner join embeddings as e using (memory_id)"
            " where i.agent = ? and i.embedding_model = ? order by i.time_position",
            params=[agent, embedding_model],
        ).fetchnumpy()
        lists = session.sql(
            "select vector from centroids where embedding_model = ?"
            " qualify version = max(version) over () order by position",
            params=[embedding_model],
        ).fetchnumpy()["vector"]
        rows = search_backwards(memories, numpy.stack(lists).astype(numpy.float32), neighbours, threshold)
        insert(session, rows)
    return session.table("nearest_rows")


def insert(session, rows):
    """Column by column, and the lists pair by pair: DuckDB takes arrays many times as fast as rows."""
    memory_ids, fingerprints, nearest, neighbours, similarities = zip(*rows, strict=True) if rows else [()] * 5
    found = {
        "number": numpy.arange(len(rows)),
        "memory_id": numpy.array(memory_ids, dtype=object),
        "fingerprint": numpy.array(fingerprints, dtype=object),
        "nearest": numpy.array([numpy.nan if value is None else value for value in nearest], dtype=numpy.float64),
    }
    pairs = {
        "number": numpy.repeat(found["number"], [len(each) for each in neighbours] if rows else 0),
        "place": numpy.array([place for each in neighbours for place in range(len(each))], dtype=numpy.int64),
        "neighbour_id": numpy.array([neighbour for each in neighbours for neighbour in each], dtype=object),
        "similarity": numpy.array([value for each in similarities for value in each], dtype=numpy.float64),
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


def search_backwards(memories, centroids, neighbours, threshold):
    """Rows for those memories (in time order) that are missing."""
    vectors = numpy.ascontiguousarray(numpy.stack(memories["embedding"]), dtype=numpy.float32)
    quantiser = faiss.IndexFlatIP(centroids.shape[1])
    quantiser.add(centroids)
    index = faiss.IndexIVFFlat(quantiser, vectors.shape[1], len(centroids), faiss.METRIC_INNER_PRODUCT)
    index.nprobe = min(PROBED_LISTS, len(centroids))
    rows = []
    for start in range(0, len(vectors), BATCH_MEMORIES):
        batch = vectors[start : start + BATCH_MEMORIES]
        wanted = numpy.flatnonzero(memories["is_missing"][start : start + BATCH_MEMORIES])
        if len(wanted):
            candidates = batch_candidates(index, batch, start, wanted, neighbours + SPARE_CANDIDATES)
            rows += [
                row_of(memories, vectors, position, found, neighbours, threshold)
                for position, found in zip(start + wanted, candidates, strict=True)
            ]
        index.add_with_ids(batch, numpy.arange(start, start + len(batch)))
    return rows


def batch_candidates(index, batch, start, wanted, count):
    """Positions of the likely nearest among all earlier memories: those indexed, and those earlier in the batch.

    A product of matrices varies in its last digits with their shape, so it is always that of a whole batch.
    """
    whole = numpy.zeros((BATCH_MEMORIES, batch.shape[1]), dtype=numpy.float32)
    whole[: len(batch)] = batch
    nearness, probes = index.quantizer.search(whole, index.nprobe)
    indexed = index.search_preassigned(batch[wanted], count, probes[wanted], nearness[wanted])[1]
    similarities = (whole @ whole.T)[wanted]
    reachable = (probes[None, :, 0, None] == probes[wanted][:, None, :]).any(axis=2)
    similarities[~reachable | (numpy.arange(BATCH_MEMORIES) >= wanted[:, None])] = -numpy.inf
    best = numpy.argsort(-similarities, axis=1, kind="stable")[:, :count]
    for row, found in enumerate(indexed):
        nearby = [start + column for column in best[row] if similarities[row, column] > -numpy.inf]
        yield numpy.array([position for position in found if position >= 0] + nearby, dtype=numpy.int64)


def row_of(memories, vectors, position, candidates, neighbours, threshold):
    """Similarities once more in double precision; lengths are 1 but for rounding, so one could pass 1."""
    own = vectors[position].astype(numpy.float64)
    products = [float(own @ vectors[candidate].astype(numpy.float64)) for candidate in candidates]
    similarities = numpy.clip(numpy.round(products, SIMILARITY_DECIMALS), -1, 1)
    order = sorted(range(len(candidates)), key=lambda place: (-similarities[place], -candidates[place]))
    kept = [place for place in order if similarities[place] >= threshold][:neighbours]
    return (
        memories["memory_id"][position],
        memories["fingerprint"][position],
        float(similarities[order[0]]) if order else None,
        [memories["memory_id"][candidates[place]] for place in kept],
        [float(similarities[place]) for place in kept],
    )
