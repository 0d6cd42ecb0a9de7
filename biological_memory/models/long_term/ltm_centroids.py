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
    rows = []
    # A version belongs to one embedding model: rows are recorded by name, version and position.
    newest = session.sql("select coalesce(max(version), 0) from learned where name = ?", params=[NAME]).fetchone()[0]
    counts = session.sql("select embedding_model, count(*) from embeddings group by 1 order by 1").fetchall()
    for embedding_model, count in counts:
        known = session.sql(
            "select version, vector, trained_on from learned where name = ? and embedding_model = ?"
            " qualify version = max(version) over () order by position",
            params=[NAME, embedding_model],
        ).fetchall()
        if known and count < 4 * max(known[0][2], FEWEST_MEMORIES_QUANTISED):
            version, trained_on, centroids = known[0][0], known[0][2], [vector for _, vector, _ in known]
        else:
            newest += 1
            version, trained_on = newest, count
            centroids = train(embeddings, embedding_model, list_count(count))
        rows += [
            (NAME, version, position, embedding_model, list(centroid), trained_on)
            for position, centroid in enumerate(centroids)
        ]
    session.execute(
        "create or replace temp table centroid_rows (name varchar, version integer, position integer,"
        " embedding_model varchar, vector float[], trained_on integer)"
    )
    if rows:
        # Column by column: DuckDB takes arrays many times as fast as rows.
        names, versions, positions, models, vectors, counts = zip(*rows, strict=True)
        found = {
            "name": numpy.array(names, dtype=object), "version": numpy.array(versions),
            "position": numpy.array(positions), "embedding_model": numpy.array(models, dtype=object),
            "number": numpy.arange(len(rows)), "trained_on": numpy.array(counts),
        }  # fmt: skip
        lengths = [len(vector) for vector in vectors]
        components = {
            "number": numpy.repeat(found["number"], lengths),
            "place": numpy.concatenate([numpy.arange(length) for length in lengths]),
            "value": numpy.concatenate([numpy.asarray(vector, dtype=numpy.float32) for vector in vectors]),
        }
        # `sql` sees the variables of this function, which `execute` of dbt's session does not.
        session.sql(
            "insert into centroid_rows select name, version, position, embedding_model, vector, trained_on from found"
            " inner join (select number, list_transform(list_sort(list({'place': place, 'value': value})),"
            " lambda one: one.value) as vector from components group by number)"
            " using (number)"
        )
    return session.table("centroid_rows")


def list_count(memory_count):
    """Lists in proportion to the square root of the memories: 4096 at a million."""
    if memory_count < FEWEST_MEMORIES_QUANTISED:
        return 1
    return 2 ** round(numpy.log2(4 * numpy.sqrt(memory_count)))


def train(embeddings, embedding_model, lists):
    sample = (
        embeddings.filter(duckdb.ColumnExpression("embedding_model") == duckdb.ConstantExpression(embedding_model))
        .order("memory_id")
        .limit(lists * TRAINING_VECTORS_PER_LIST)
        .project("embedding")
    )
    if lists == 1:
        return [[0.0] * sample.aggregate("max(len(embedding))").fetchone()[0]]
    # Number by number: an array of arrays takes several times as long.
    numbers = sample.project("unnest(embedding) as number").fetchnumpy()["number"]
    vectors = numbers.reshape(sample.count("*").fetchone()[0], -1)
    quantiser = faiss.Kmeans(
        vectors.shape[1], lists, niter=TRAINING_ROUNDS, seed=1, spherical=True, min_points_per_centroid=1
    )
    quantiser.train(vectors)
    return quantiser.centroids.tolist()
