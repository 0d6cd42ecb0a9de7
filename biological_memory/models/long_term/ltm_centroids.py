"""One row per embedding model and list: the centroids of the coarse quantiser that semantic edges are searched through.

They are learnt once and recorded in Postgres, because edges of the past must not change: a new version is trained only
when the memories have outgrown the old one fourfold. Few memories need no quantiser: one list, searched whole.
"""

import duckdb
import faiss
import numpy

FEWEST_MEMORIES_QUANTISED = 8192
TRAINING_VECTORS_PER_LIST = 24
TRAINING_ROUNDS = 6
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
            insert(session, newest, embedding_model, train(embeddings, embedding_model, list_count(count)), count)
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


def train(embeddings, embedding_model, lists):
    """Centroids of so many lists, from the memories of the smallest ids: shape (lists, dimensions), of length one."""
    own = embeddings.filter(is_equal("embedding_model", embedding_model))
    if lists == 1:
        return numpy.zeros((1, own.aggregate("max(len(embedding))").fetchone()[0]), dtype=numpy.float32)
    sample = own.project("memory_id").order("memory_id").limit(lists * TRAINING_VECTORS_PER_LIST)
    placed = sample.project("memory_id, row_number() over (order by memory_id) as place")
    # Not sorted, which would move the vectors: each has its place before it. An array of arrays takes several times as
    # long as its numbers.
    numbers = (
        placed.set_alias("placed")
        .join(own, "memory_id")
        .project("unnest([place]::float[] || embedding) as number")
        .fetchnumpy()
    )
    rows = numbers["number"].reshape(sample.count("*").fetchone()[0], -1)
    vectors = numpy.ascontiguousarray(rows[numpy.argsort(rows[:, 0]), 1:])
    quantiser = faiss.Kmeans(
        vectors.shape[1], lists, niter=TRAINING_ROUNDS, seed=1, spherical=True, min_points_per_centroid=1
    )
    quantiser.train(vectors)
    return quantiser.centroids
