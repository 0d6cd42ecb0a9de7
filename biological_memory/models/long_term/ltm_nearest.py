"""One row per memory with a vector: its nearest memories among the earlier ones of its agent, with their similarity.

Looking back only, an edge once drawn stays: later memories add edges of their own. The search goes through the lists of
a coarse quantiser (inverted file) with recorded centroids; those most likely there are compared in full. What is found
rests on the memories alone, not on how many of them are missing, so that an incremental run equals a rebuild.
"""

import duckdb
import faiss
import numpy

BATCH_MEMORIES = 1024
# So many batches are searched for together in what came before them: neighbours in meaning read the same lists.
BLOCK_BATCHES = 64
PROBED_LISTS = 16
SPARE_CANDIDATES = 8
SIMILARITY_DECIMALS = 9
# Candidates that differ by less are equally near, and the later one is kept.
CANDIDATE_DECIMALS = 6
# Rows compared in double precision at a time: so many times the candidates of each, of all dimensions, are in memory.
COMPARED_ROWS = 256
NOBODY = -1


def model(dbt, session):
    neighbours = int(dbt.config.get("semantic_neighbours"))
    threshold = float(dbt.config.get("semantic_similarity"))
    inputs = dbt.ref("ltm_nearest_inputs")
    embeddings = dbt.ref("stg_embeddings")
    centroids = dbt.ref("ltm_centroids")
    known = f"(select memory_id, list_position from {dbt.this})"
    if not dbt.is_incremental:
        known = "(select null::uuid as memory_id, null::integer as list_position limit 0)"
    session.execute(
        "create or replace temp table nearest_rows (memory_id uuid, fingerprint varchar, list_position integer,"
        " nearest_similarity double, neighbour_ids uuid[], similarities double[])"
    )
    groups = session.sql(
        f"select agent, embedding_model from inputs anti join {known} as known using (memory_id)"
        " group by all order by all"
    ).fetchall()
    for agent, embedding_model in groups:
        # Filters, not parameters: what has parameters, DuckDB hands over value by value.
        own = inputs.filter(is_equal("agent", agent) & is_equal("embedding_model", embedding_model))
        quantised = centroids.filter(is_equal("embedding_model", embedding_model))
        # `sql` sees the variables of this function, which `execute` of dbt's session does not. Numbers alone go to and
        # fro: DuckDB takes them many times as fast as texts, and vectors number by number as fast as that.
        session.sql(
            "create or replace temp table nearest_memories as"
            " select own.time_position - 1 as place, own.memory_id, own.fingerprint,"
            f" coalesce(known.list_position, {NOBODY}) as list_position"
            f" from own left join {known} as known using (memory_id)"
        )
        lists_known = session.sql("select list_position from nearest_memories order by place").fetchnumpy()
        # Not sorted, which would move all the vectors.
        session.sql(
            "create or replace temp table nearest_vectors as"
            " select place, embedding from nearest_memories inner join embeddings using (memory_id)"
        )
        order = numpy.argsort(session.sql("select place from nearest_vectors").fetchnumpy()["place"])
        numbers = session.sql("select unnest(embedding) as number from nearest_vectors").fetchnumpy()["number"]
        session.sql("drop table nearest_vectors")
        vectors = Ordered(numbers.reshape(len(order), -1), order)
        lists = session.sql(
            "select vector from quantised qualify version = max(version) over () order by position"
        ).fetchnumpy()["vector"]
        insert(
            session,
            *search_backwards(vectors, lists_known["list_position"], numpy.stack(lists), neighbours, threshold),
        )
    return session.table("nearest_rows")


class Ordered:
    """Vectors by their place in time, without moving them."""

    def __init__(self, vectors, order):
        self.vectors, self.order = vectors, order
        self.shape = vectors.shape

    def __len__(self):
        return len(self.vectors)

    def __getitem__(self, places):
        return self.vectors[self.order[places]]


def is_equal(column, value):
    return duckdb.ColumnExpression(column) == duckdb.ConstantExpression(value)


def insert(session, places, list_positions, nearest, neighbours, similarities):
    rows, ranks = numpy.nonzero(neighbours != NOBODY)
    found = {"place": places, "list_position": list_positions, "nearest": nearest}
    pairs = {
        "place": places[rows],
        "rank": ranks,
        "neighbour": neighbours[rows, ranks],
        "similarity": similarities[rows, ranks],
    }
    session.sql(
        """
        insert into nearest_rows
        with listed as (
            select
                pairs.place, list(neighbours.memory_id order by pairs.rank) as neighbour_ids,
                list(pairs.similarity order by pairs.rank) as similarities
            from pairs
            inner join nearest_memories as neighbours on neighbours.place = pairs.neighbour
            group by pairs.place
        )
        select
            own.memory_id, own.fingerprint, found.list_position, if(isnan(found.nearest), null, found.nearest),
            coalesce(listed.neighbour_ids, []), coalesce(listed.similarities, [])
        from found
        inner join nearest_memories as own using (place)
        left join listed using (place)
        """
    )


def search_backwards(vectors, list_positions, centroids, neighbours, threshold):
    """For those memories (in time order) whose list is not known: where they stand, their list, the similarity of the
    nearest (NaN without one), the positions of the neighbours, the nearest first, and their similarities; NOBODY where
    there are fewer.
    """
    # Centroids may have been recorded with zeros beyond the dimensions of the model.
    dimensions = vectors.shape[1]
    centroids = numpy.pad(centroids, ((0, 0), (0, max(dimensions - centroids.shape[1], 0))))[:, :dimensions]
    list_positions = numpy.array(list_positions, dtype=numpy.int64)
    quantiser = faiss.IndexFlatIP(dimensions)
    quantiser.add(numpy.ascontiguousarray(centroids, dtype=numpy.float32))
    # All memories of the blocks before, and those of the block that came before the batch.
    earlier, recent = inverted_lists(quantiser), inverted_lists(quantiser)
    count = neighbours + SPARE_CANDIDATES
    found = []
    for block in ranges(0, len(vectors), BLOCK_BATCHES * BATCH_MEMORIES):
        wanted = block.start + numpy.flatnonzero(list_positions[block] == NOBODY)
        if not len(wanted):
            add(earlier, vectors, list_positions, block)
            continue
        probes = probe(quantiser, vectors, block, wanted)
        list_positions[wanted] = probes[0][:, 0]
        in_earlier = candidates_in(earlier, vectors[wanted], probes, count)
        for batch in ranges(block.start, block.stop, BATCH_MEMORIES):
            part = slice(*numpy.searchsorted(wanted, [batch.start, batch.stop]))
            own, own_probes = wanted[part], [each[part] for each in probes]
            if len(own):
                sources = [
                    [each[part] for each in in_earlier],
                    candidates_in(recent, vectors[own], own_probes, count),
                    candidates_beside(vectors, list_positions, batch, own, own_probes, count),
                ]
                columns = compared(vectors, own, most_likely(sources, count), neighbours, threshold)
                found.append((own, list_positions[own], *columns))
            add(recent, vectors, list_positions, batch)
        earlier.merge_from(recent, 0)
    return [numpy.concatenate(columns) for columns in zip(*found, strict=True)]


def ranges(start, stop, step):
    return [slice(at, min(at + step, stop)) for at in range(start, stop, step)]


def inverted_lists(quantiser):
    """Of vectors in half precision, half as much to read: what is likely is compared in full afterwards."""
    half_precision, is_residual = faiss.ScalarQuantizer.QT_fp16, False
    index = faiss.IndexIVFScalarQuantizer(
        quantiser, quantiser.d, quantiser.ntotal, half_precision, faiss.METRIC_INNER_PRODUCT, is_residual
    )
    # There is nothing to be learnt, but nothing is taken in before.
    index.train(numpy.zeros((1, quantiser.d), dtype=numpy.float32))
    index.nprobe = min(PROBED_LISTS, quantiser.ntotal)
    return index


def add(index, vectors, list_positions, part):
    """Each memory to its list, which is known."""
    added, positions = vectors[part], numpy.arange(part.start, part.stop)
    lists = numpy.ascontiguousarray(list_positions[part])
    # FAISS is given addresses: the arrays have to have names until it has read them.
    index.add_core(len(positions), faiss.swig_ptr(added), faiss.swig_ptr(positions), faiss.swig_ptr(lists))


def probe(quantiser, vectors, block, wanted):
    """The lists nearest to each memory wanted, its own the first, and how near they are."""
    found = []
    for batch in ranges(block.start, block.stop, BATCH_MEMORIES):
        rows = wanted[slice(*numpy.searchsorted(wanted, [batch.start, batch.stop]))] - batch.start
        if len(rows):
            nearness, lists = quantiser.search(whole_batch(vectors[batch]), min(PROBED_LISTS, quantiser.ntotal))
            found.append((lists[rows], nearness[rows]))
    return [numpy.concatenate(columns) for columns in zip(*found, strict=True)]


def whole_batch(vectors):
    """A product of matrices varies in its last digits with their shape, so it is always that of a whole batch."""
    whole = numpy.zeros((BATCH_MEMORIES, vectors.shape[1]), dtype=numpy.float32)
    whole[: len(vectors)] = vectors
    return whole


def candidates_in(index, vectors, probes, count):
    """Positions of the likely nearest in the lists probed, and how similar they are."""
    lists, nearness = probes
    # Those that read the same lists follow one another, so that these are read once.
    order = numpy.argsort(lists[:, 0], kind="stable")
    similarities, positions = index.search_preassigned(vectors[order], count, lists[order], nearness[order])
    back = numpy.argsort(order)
    return positions[back], similarities[back]


def candidates_beside(vectors, list_positions, batch, own, probes, count):
    """The same, among those of the batch that came before."""
    whole = whole_batch(vectors[batch])
    similarities = (whole @ whole.T)[own - batch.start, : batch.stop - batch.start]
    home = list_positions[batch]
    is_probed = numpy.zeros((len(own), 1 + max(probes[0].max(), home.max())), dtype=bool)
    is_probed[numpy.arange(len(own))[:, None], probes[0]] = True
    is_reachable = is_probed[:, home] & (numpy.arange(batch.start, batch.stop) < own[:, None])
    rows, places = numpy.nonzero(is_reachable)
    found = similarities[rows, places]
    order = numpy.lexsort((-places, -found.round(CANDIDATE_DECIMALS), rows))
    rank = numpy.arange(len(rows)) - numpy.searchsorted(rows, rows)
    order, rank = order[rank < count], rank[rank < count]
    positions = numpy.full((len(own), count), NOBODY)
    nearness = numpy.zeros((len(own), count), dtype=numpy.float32)
    positions[rows[order], rank], nearness[rows[order], rank] = batch.start + places[order], found[order]
    return positions, nearness


def most_likely(sources, count):
    """Of the candidates of all sources the most similar; where two are equal, the later memories."""
    positions, similarities = (numpy.concatenate(columns, axis=1) for columns in zip(*sources, strict=True))
    similarities = numpy.where(positions == NOBODY, -2, similarities).round(CANDIDATE_DECIMALS)
    best = numpy.lexsort((-positions, -similarities), axis=1)[:, :count]
    return numpy.take_along_axis(positions, best, axis=1)


def compared(vectors, own, candidates, neighbours, threshold):
    """The similarity of the nearest candidate of each, and the neighbours with theirs, in double precision.

    Lengths are 1 but for rounding, so a similarity could pass 1. Where two are equal, the later memory comes first.
    """
    candidates = -numpy.sort(-candidates, axis=1)
    similarities = numpy.concatenate([
        numpy.einsum(
            "rd,rcd->rc", vectors[own[part]].astype(numpy.float64), vectors[candidates[part]].astype(numpy.float64)
        )
        for part in ranges(0, len(own), COMPARED_ROWS)
    ])  # fmt: skip
    similarities = numpy.clip(numpy.round(similarities, SIMILARITY_DECIMALS), -1, 1)
    similarities[candidates == NOBODY] = -numpy.inf
    order = numpy.argsort(-similarities, axis=1, kind="stable")
    candidates = numpy.take_along_axis(candidates, order, axis=1)
    similarities = numpy.take_along_axis(similarities, order, axis=1)
    nearest = numpy.where(candidates[:, 0] == NOBODY, numpy.nan, similarities[:, 0])
    kept = numpy.where(similarities >= threshold, candidates, NOBODY)
    return nearest, kept[:, :neighbours], similarities[:, :neighbours]
