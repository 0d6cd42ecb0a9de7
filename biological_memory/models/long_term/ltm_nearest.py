"""One row per memory with a vector: its nearest memories among the earlier ones of its agent, with their similarity.

Because memories search only backwards, existing edges never change: later memories add edges. The search probes an
inverted file, the lists of a coarse quantiser with recorded centroids, and compares the likeliest candidates in double
precision. The probing computes in whole numbers, exact in any order: the result depends only on the memories, not on
how many are missing or on the machine, so that an incremental run equals a rebuild.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import duckdb
import numpy

from biological_memory.vectors import MOST_SIMILAR, in_whole_numbers, ranges, read_vectors

# Probing eight of a thousand lists finds .998 of the nearest six; sixteen find no more (benchmarks/synthetic.py).
PROBED_LISTS = 8
GROUPED_LISTS = 16
SPARE_CANDIDATES = 8
SIMILARITY_DECIMALS = 9
# Memories searched together, and rows compared in double precision at a time.
BLOCK_MEMORIES = 131_072
COMPARED_ROWS = 256
# Similarities to centroids, and memories compared with a list, at a time: fits into a processor's caches.
TILE = 2**21
TILE_MEMORIES = 512
# Holds a similarity shifted to 0 to 2 * MOST_SIMILAR. The searching memory, this and the candidate share 63 bits.
SIMILARITY_BITS = 26
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
        "create or replace temp table nearest_rows (memory_id uuid, fingerprint ubigint, list_position integer,"
        " nearest_similarity double, neighbour_ids uuid[], similarities double[])"
    )
    groups = session.sql(
        f"select agent, embedding_model from inputs anti join {known} as known using (memory_id)"
        " group by all order by all"
    ).fetchall()
    for agent, embedding_model in groups:
        # Filters, not parameters: DuckDB transfers the result of a query with parameters value by value.
        own = inputs.filter(is_equal("agent", agent) & is_equal("embedding_model", embedding_model))
        quantised = centroids.filter(is_equal("agent", agent) & is_equal("embedding_model", embedding_model))
        # `sql` sees this function's variables; `execute` of dbt's session does not. Only numbers leave and enter
        # DuckDB: it takes them many times as fast as texts.
        session.sql(
            "create or replace temp table nearest_memories as"
            " select own.time_position - 1 as place, own.memory_id, own.fingerprint,"
            f" coalesce(known.list_position, {NOBODY}) as list_position"
            f" from own left join {known} as known using (memory_id)"
        )
        lists_known = session.sql("select list_position from nearest_memories order by place").fetchnumpy()
        list_positions = lists_known["list_position"]
        mine = embeddings.filter(is_equal("embedding_model", embedding_model))
        dimensions = mine.aggregate("max(dimensions)").fetchone()[0]
        lists = session.sql(
            "select vector from quantised qualify version = max(version) over () order by position"
        ).fetchnumpy()["vector"]
        insert(
            session,
            *search_backwards(
                partial(read, dimensions, session), list_positions, numpy.stack(lists), neighbours, threshold
            ),
        )
    return session.table("nearest_rows")


def read(dimensions, session, places):
    """The vectors of the memories at these places, in the order of `places`."""
    asked = {"time_place": places, "place": numpy.arange(len(places))}
    rows = session.sql(
        "select memory_id, asked.place from asked inner join nearest_memories as own on own.place = asked.time_place"
    )
    return read_vectors(rows, len(places), dimensions, session)


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
                pairs.place,
                list_sort(list({'rank': pairs.rank, 'id': neighbours.memory_id, 'similarity': pairs.similarity}))
                    as neighbours
            from pairs
            inner join nearest_memories as neighbours on neighbours.place = pairs.neighbour
            group by pairs.place
        )
        select
            own.memory_id, own.fingerprint, found.list_position, if(isnan(found.nearest), null, found.nearest),
            coalesce(list_transform(listed.neighbours, lambda one: one.id), []),
            coalesce(list_transform(listed.neighbours, lambda one: one.similarity), [])
        from found
        inner join nearest_memories as own using (place)
        left join listed using (place)
        """
    )


def search_backwards(read, list_positions, centroids, neighbours, threshold):
    """Finds the nearest earlier memories of those, in time order, whose list position is NOBODY (not known).

    Returns arrays of their places, their lists, the similarity of the nearest (NaN without one), the places of the
    neighbours, nearest first, padded with NOBODY, and their similarities. `read` returns the vectors at given places,
    and is asked only for those in the lists probed.
    """
    list_positions = numpy.array(list_positions, dtype=numpy.int64)
    is_wanted = list_positions == NOBODY
    vectors = read(numpy.flatnonzero(is_wanted))
    # Centroids may have been recorded with zeros beyond the dimensions of the model.
    dimensions = vectors.shape[1]
    centroids = numpy.pad(centroids, ((0, 0), (0, max(dimensions - centroids.shape[1], 0))))[:, :dimensions]
    probes = probe(vectors, in_whole_numbers(centroids))
    near = numpy.flatnonzero(is_wanted | numpy.isin(list_positions, probes))
    if len(near) > len(vectors):
        vectors = read(near)
    list_positions[is_wanted] = probes[:, 0]
    lists = InvertedLists(list_positions[near], len(centroids))
    wanted = numpy.flatnonzero(is_wanted[near])
    found = []
    for block in ranges(len(wanted), block_memories(len(near))):
        own = wanted[block]
        candidates = most_likely(vectors, own, probes[block], lists, neighbours + SPARE_CANDIDATES)
        nearest, kept, similarities = compared(vectors, own, candidates, neighbours, threshold)
        found.append((near[own], list_positions[near[own]], nearest, numpy.append(near, NOBODY)[kept], similarities))
    return [numpy.concatenate(columns) for columns in zip(*found, strict=True)]


class InvertedLists:
    """The memories of each list, in time order."""

    def __init__(self, list_positions, count):
        self.places = numpy.argsort(list_positions, kind="stable")
        self.starts = numpy.searchsorted(list_positions[self.places], numpy.arange(count + 1))

    def before(self, place, list_position):
        """The places of the memories in that list that are earlier than `place`."""
        places = self.places[self.starts[list_position] : self.starts[list_position + 1]]
        return places[: numpy.searchsorted(places, place)]


def in_parallel(work, parts):
    """Runs `work` on each part with one thread per processor; numpy releases the GIL."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for _ in threads.map(work, parts):
            pass


def by_list(probes):
    """Yields each probed list with the rows that probe it."""
    order = numpy.argsort(probes, axis=None, kind="stable")
    probed, starts = numpy.unique(probes.ravel()[order], return_index=True)
    for list_position, start, stop in zip(probed, starts, numpy.append(starts, len(order))[1:], strict=True):
        yield list_position, order[start:stop] // probes.shape[1]


def block_memories(count):
    return min(BLOCK_MEMORIES, 1 << 63 - SIMILARITY_BITS - count.bit_length())


def probe(vectors, centroids):
    """The nearest lists of each memory, nearest first, ties by position: shape (memories, at most PROBED_LISTS)."""
    lists = len(centroids)
    count = min(PROBED_LISTS, lists)
    found = numpy.empty((len(vectors), count), dtype=numpy.int64)
    groups = lists // GROUPED_LISTS

    def probe_part(part):
        nearness = in_whole_numbers(vectors[part]) @ centroids.T
        nearest = nearness
        if groups >= count:
            # At least `count` lists are as near as the `count`-th best group maximum: only these need sorting.
            nearest = nearness[:, : groups * GROUPED_LISTS].reshape(len(nearness), GROUPED_LISTS, groups).max(axis=1)
        least = numpy.partition(nearest, -count, axis=1)[:, -count, None]
        rows, places = numpy.divmod(numpy.flatnonzero(nearness >= least), lists)
        farness = MOST_SIMILAR - nearness[rows, places].astype(numpy.int64)
        keys = numpy.sort((rows * 2 * MOST_SIMILAR + farness) * lists + places)
        first = numpy.searchsorted(rows, numpy.arange(len(nearness)))
        found[part] = keys[first[:, None] + numpy.arange(count)] % lists

    in_parallel(probe_part, ranges(len(vectors), max(TILE // lists, 1)))
    return found


def most_likely(vectors, own, probes, lists, count):
    """The places of the likeliest `count` neighbours of each memory in its probed lists, padded with NOBODY.

    The most similar come first; ties go to the later memory. The nearest list sets a minimum similarity, which few
    candidates in the other lists reach.
    """
    queries = in_whole_numbers(vectors[own])
    least = numpy.full(len(own), -MOST_SIMILAR, dtype=numpy.float32)
    place_bits = len(vectors).bit_length()
    found = [numpy.empty(0, dtype=numpy.int64)]

    def search_list(probed, is_nearest):
        list_position, rows = probed
        places = lists.before(own[rows[-1]], list_position)
        if not len(places):
            return
        members = in_whole_numbers(vectors[places]).T
        for tile in ranges(len(rows), TILE_MEMORIES):
            asking = rows[tile]
            earlier = places[: numpy.searchsorted(places, own[asking[-1]])]
            nearness = queries[asking] @ members[:, : len(earlier)]
            if is_nearest:
                late = numpy.searchsorted(earlier, own[asking[0]])
                nearness[:, late:][earlier[late:] >= own[asking, None]] = -numpy.inf
                if len(earlier) >= count:
                    nearest = numpy.partition(nearness, len(earlier) - count, axis=1)[:, len(earlier) - count]
                    least[asking] = numpy.maximum(nearest, -MOST_SIMILAR)
            near, at = numpy.divmod(numpy.flatnonzero(nearness >= least[asking, None]), max(len(earlier), 1))
            is_earlier = earlier[at] < own[asking[near]]
            near, at = near[is_earlier], at[is_earlier]
            similarity = nearness[near, at].astype(numpy.int64) + MOST_SIMILAR
            found.append((asking[near] << SIMILARITY_BITS | similarity) << place_bits | earlier[at])

    for ranks in (slice(0, 1), slice(1, None)):
        # List by list, so that its vectors are gathered once for all memories that probe it.
        in_parallel(partial(search_list, is_nearest=ranks.start == 0), by_list(probes[:, ranks]))
    keys = numpy.sort(numpy.concatenate(found))
    bounds = numpy.searchsorted(keys, numpy.arange(len(own) + 1) << SIMILARITY_BITS + place_bits)
    positions = bounds[1:, None] - 1 - numpy.arange(count)
    best = numpy.append(keys & (1 << place_bits) - 1, NOBODY)[numpy.maximum(positions, -1)]
    return numpy.where(positions >= bounds[:-1, None], best, NOBODY)


def compared(vectors, own, candidates, neighbours, threshold):
    """The similarity of each memory's nearest candidate, its neighbours and their similarities, in double precision.

    Similarities are clipped to [-1, 1], because rounding makes lengths differ from 1. Ties go to the later memory.
    """
    candidates = -numpy.sort(-candidates, axis=1)
    similarities = numpy.empty(candidates.shape)

    def compare_part(part):
        asking, asked = vectors[own[part]].astype(numpy.float64), vectors[candidates[part]].astype(numpy.float64)
        similarities[part] = numpy.einsum("rd,rcd->rc", asking, asked)

    in_parallel(compare_part, ranges(len(own), COMPARED_ROWS))
    similarities = numpy.clip(numpy.round(similarities, SIMILARITY_DECIMALS), -1, 1)
    similarities[candidates == NOBODY] = -numpy.inf
    order = numpy.argsort(-similarities, axis=1, kind="stable")
    candidates = numpy.take_along_axis(candidates, order, axis=1)
    similarities = numpy.take_along_axis(similarities, order, axis=1)
    nearest = numpy.where(candidates[:, 0] == NOBODY, numpy.nan, similarities[:, 0])
    kept = numpy.where(similarities >= threshold, candidates, NOBODY)
    return nearest, kept[:, :neighbours], similarities[:, :neighbours]
