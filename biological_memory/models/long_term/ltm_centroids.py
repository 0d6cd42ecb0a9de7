"""One row per embedding model and list: the centroids of the coarse quantiser that semantic edges are searched through.

They are learnt once and recorded in Postgres, because edges of the past must not change: a new version is trained only
when the memories have outgrown the old one fourfold. Few memories need no quantiser: one list, searched whole.
"""

import duckdb
import numpy

from biological_memory.vectors import in_whole_numbers, ranges, read_vectors

FEWEST_MEMORIES_QUANTISED = 8192
TRAINING_VECTORS_PER_LIST = 16
TRAINING_ROUNDS = 4
# Similarities in memory at a time: few enough for a processor's caches.
TILE = 2**21
NAME = "semantic_centroids"


def model(dbt, session):
    embeddings = dbt.ref("stg_embeddings")
    learned = dbt.ref("stg_learned_vectors")
    session.execute(
        "create or replace temp table centroid_rows (name varchar, version integer, position integer,"
        " embedding_model varchar, vector float[], trained_on integer)"
    )
    # A version belongs to one embedding model: rows are recorded by name, version and position.
    newest = session.sql("select coalesce(max(version), 0) from learned where name = ?", params=[NAME]).fetchone()[0]
    counts = session.sql("select embedding_model, count(*) from embeddings group by 1 order by 1").fetchall()
    for embedding_model, count in counts:
        known = session.sql(
            "select max(version), max_by(trained_on, version) from learned where name = ? and embedding_model = ?",
            params=[NAME, embedding_model],
        ).fetchone()
        if known[0] is not None and count < 4 * max(known[1], FEWEST_MEMORIES_QUANTISED):
            kept = learned.filter(is_equal("embedding_model", embedding_model) & is_equal("version", known[0]))
            session.sql(
                "insert into centroid_rows"
                " select name, version, position, embedding_model, vector, trained_on from kept where name = $name",
                params={"name": NAME},
            )
        else:
            newest += 1
            centroids = train(embeddings, embedding_model, list_count(count), session)
            insert(session, newest, embedding_model, centroids, count)
    return session.table("centroid_rows")


def is_equal(column, value):
    return duckdb.ColumnExpression(column) == duckdb.ConstantExpression(value)


def insert(session, version, embedding_model, centroids, trained_on):
    positions, places = numpy.indices(centroids.shape)
    # Number by number: DuckDB takes arrays many times as fast as rows. `sql` sees the variables of this function, which
    # `execute` of dbt's session does not.
    components = {"position": positions.ravel(), "place": places.ravel(), "value": centroids.ravel()}
    session.sql(
        "insert into centroid_rows select $name, $version, position, $embedding_model,"
        " list_transform(list_sort(list({'place': place, 'value': value})), lambda one: one.value), $trained_on"
        " from components group by position",
        params={"name": NAME, "version": version, "embedding_model": embedding_model, "trained_on": trained_on},
    )


def list_count(memory_count):
    """Lists in proportion to the square root of the memories: 4096 at a million."""
    if memory_count < FEWEST_MEMORIES_QUANTISED:
        return 1
    return 2 ** round(numpy.log2(4 * numpy.sqrt(memory_count)))


def train(embeddings, embedding_model, lists, session):
    """Centroids of so many lists, from the memories of the smallest ids: shape (lists, dimensions), of length one."""
    own = embeddings.filter(is_equal("embedding_model", embedding_model))
    dimensions = own.aggregate("max(dimensions)").fetchone()[0]
    if lists == 1:
        return numpy.zeros((1, dimensions), dtype=numpy.float32)
    sample = own.project("memory_id").order("memory_id").limit(lists * TRAINING_VECTORS_PER_LIST)
    places = sample.project("memory_id, row_number() over (order by memory_id) - 1 as place")
    vectors = read_vectors(places, sample.count("*").fetchone()[0], dimensions, session)
    return spherical_k_means(vectors, lists)


def spherical_k_means(vectors, lists):
    """Centroids, float32 of length one, after a few rounds of spherical k-means (Dhillon & Modha 2001) that begin with
    the first vectors. It counts in whole numbers: the same on any machine. A list that nobody is nearest to stays.
    """
    whole = in_whole_numbers(vectors)
    centroids = whole[:lists].copy()
    for _ in range(TRAINING_ROUNDS):
        nearest = numpy.concatenate([
            (whole[part] @ centroids.T).argmax(axis=1) for part in ranges(len(whole), TILE // lists)
        ])  # fmt: skip
        order = numpy.argsort(nearest, kind="stable")
        present, starts = numpy.unique(nearest[order], return_index=True)
        sums = numpy.add.reduceat(whole[order].astype(numpy.float64), starts)
        centroids[present] = in_whole_numbers(of_length_one(sums))
    return of_length_one(centroids.astype(numpy.float64)).astype(numpy.float32)


def of_length_one(vectors):
    """Those whose parts cancel out stay zero."""
    return vectors / numpy.maximum(numpy.sqrt((vectors**2).sum(axis=1, keepdims=True)), 1)
