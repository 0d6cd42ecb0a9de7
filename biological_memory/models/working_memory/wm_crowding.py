"""One row per window of attention that offers more than five items: their mean cosine similarity.

For n unit vectors it is (|sum|^2 - n) / (n (n - 1)), which takes linear time, without forming pairs. Computes in whole
numbers, so that the order of summation does not matter. Up to five items always fit.
"""

import numpy

from biological_memory.vectors import read_vectors

ALWAYS_FIT = 5
# Quantisation steps per unit of a vector's component; and rows summed at a time.
STEPS = 2**20
BLOCK_ROWS = 65_536
SIMILARITY_DECIMALS = 9


def model(dbt, session):
    windows = dbt.ref("wm_windows")
    activations = dbt.ref("wm_activations")
    embeddings = dbt.ref("stg_embeddings")
    missing = f"and window_id not in (select window_id from {dbt.this})" if dbt.is_incremental else ""
    # `sql` sees this function's variables; `execute` of dbt's session does not. Only numbers leave and enter DuckDB.
    session.sql(
        "create or replace temp table crowded_windows as"
        " select row_number() over () - 1 as number, window_id, agent, window_start, fingerprint from windows"
        f" where offered_count > {ALWAYS_FIT} {missing}"
    )
    session.sql(
        "create or replace temp table crowded_items as"
        " select crowded.number, activations.item_id, dense_rank() over (order by activations.item_id) - 1 as place"
        " from activations inner join crowded_windows as crowded using (agent, window_start)"
        " where activations.item_id in (select memory_id from embeddings)"
    )
    offers = session.sql("select number, place from crowded_items order by number, place").fetchnumpy()
    # During a change of embedding model, vectors have two lengths.
    count = session.sql("select coalesce(max(place) + 1, 0) from crowded_items").fetchone()[0]
    dimensions = session.sql("select coalesce(max(dimensions), 0) from embeddings").fetchone()[0]
    places = session.sql("select distinct item_id as memory_id, place from crowded_items")
    vectors = read_vectors(places, count, dimensions, session)
    offering, similarities = mean_similarities(offers["number"], offers["place"], vectors)
    found = {"number": offering, "mean_cosine_similarity": similarities}
    return session.sql(
        "select window_id, fingerprint, mean_cosine_similarity from crowded_windows left join found using (number)"
    )


def mean_similarities(windows, places, vectors):
    """The windows that offer two vectors or more, and the mean similarity in each.

    `windows` (sorted) and `places` have one element per item offered.
    """
    offering, starts, counts = numpy.unique(windows, return_index=True, return_counts=True)
    several = counts > 1
    products = numpy.empty(len(offering))
    first = 0
    while first < len(offering):
        last = max(first + 1, numpy.searchsorted(starts, starts[first] + BLOCK_ROWS))
        begins = starts[first:last] - starts[first]
        own = places[starts[first] : starts[first] + counts[first:last].sum()]
        whole = numpy.rint(vectors[own].astype(numpy.float64) * STEPS)
        sums = numpy.add.reduceat(whole, begins)
        products[first:last] = squared_lengths(sums) - numpy.add.reduceat(squared_lengths(whole), begins)
        first = last
    pairs = counts[several] * (counts[several] - 1)
    return offering[several], numpy.round(products[several] / pairs / STEPS**2, SIMILARITY_DECIMALS)


def squared_lengths(vectors):
    return numpy.einsum("nd,nd->n", vectors, vectors)
