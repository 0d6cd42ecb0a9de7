"""One row per agent, embedding model and list: the centroids of the coarse quantiser used to find semantic edges.

They are trained once and recorded in Postgres, because existing edges must not change. A new version is trained only
when the agent has four times as many memories. Few memories need no quantiser: they form one list, searched whole.
"""

import duckdb
import numpy

from biological_memory.vectors import in_whole_numbers, ranges, read_vectors

FEWEST_MEMORIES_QUANTISED = 8192
TRAINING_VECTORS_PER_LIST = 16
TRAINING_ROUNDS = 4
# Similarities computed at a time: fits into a processor's caches.
TILE = 2**21
NAME = "semantic_centroids"


# Each version belongs to one embedding model, because the key of recorded rows is agent, name, version and position.
NEEDED = f"""
create or replace temp table centroids_needed as
with counted as (
    select
        memories.agent, embeddings.embedding_model, count(*) as memory_count,
        max(embeddings.dimensions) as dimensions
    from embeddings inner join memories using (memory_id)
    group by memories.agent, embeddings.embedding_model
),
known as (
    select agent, embedding_model, max(version) as version, max_by(trained_on, version) as trained_on
    from learned where name = '{NAME}'
    group by agent, embedding_model
),
newest as (select agent, max(version) as version from known group by agent),
judged as (
    select
        counted.*, known.version,
        known.version is not null and memory_count < 4 * greatest(known.trained_on, {FEWEST_MEMORIES_QUANTISED})
            as is_learned
    from counted left join known using (agent, embedding_model)
)
select
    judged.* replace (
        if(
            is_learned, judged.version,
            coalesce(newest.version, 0) + row_number() over (partition by agent, is_learned order by embedding_model)
        ) as version
    )
from judged left join newest using (agent)
"""
KEPT = f"""
insert into centroid_rows
select learned.agent, name, version, position, embedding_model, vector, trained_on
from learned semi join (from centroids_needed where is_learned) as needed using (agent, embedding_model, version)
where name = '{NAME}'
"""
ONE_LIST = f"""
insert into centroid_rows
select
    agent, '{NAME}', version, 0, embedding_model, list_transform(range(dimensions), lambda place: 0::float),
    memory_count
from centroids_needed where not is_learned and memory_count < {FEWEST_MEMORIES_QUANTISED}
"""
OUTGROWN = f"""
select agent, embedding_model, version, memory_count, dimensions
from centroids_needed where not is_learned and memory_count >= {FEWEST_MEMORIES_QUANTISED} order by all
"""


def model(dbt, session):
    embeddings = dbt.ref("stg_embeddings")
    memories = dbt.ref("stg_memories").project("memory_id, agent")
    learned = dbt.ref("stg_learned_vectors")
    session.execute(
        "create or replace temp table centroid_rows (agent varchar, name varchar, version integer, position integer,"
        " embedding_model varchar, vector float[], trained_on integer)"
    )
    # `sql` sees this function's variables; `execute` of dbt's session does not.
    for statement in (NEEDED, KEPT, ONE_LIST):
        session.sql(statement)
    for agent, embedding_model, version, count, dimensions in session.sql(OUTGROWN).fetchall():
        own = memories.filter(is_equal("agent", agent)).join(
            embeddings.filter(is_equal("embedding_model", embedding_model)).project("memory_id"), "memory_id", "semi"
        )
        centroids = train(own, dimensions, list_count(count), session)
        insert(session, agent, version, embedding_model, centroids, count)
    return session.table("centroid_rows")


def is_equal(column, value):
    return duckdb.ColumnExpression(column) == duckdb.ConstantExpression(value)


def insert(session, agent, version, embedding_model, centroids, trained_on):
    positions, places = numpy.indices(centroids.shape)
    # One number per row: DuckDB takes columns of numbers many times as fast as lists.
    components = {"position": positions.ravel(), "place": places.ravel(), "value": centroids.ravel()}
    session.sql(
        "insert into centroid_rows select $agent, $name, $version, position, $embedding_model,"
        " list_transform(list_sort(list({'place': place, 'value': value})), lambda one: one.value), $trained_on"
        " from components group by position",
        params={
            "agent": agent,
            "name": NAME,
            "version": version,
            "embedding_model": embedding_model,
            "trained_on": trained_on,
        },
    )


def list_count(memory_count):
    """Number of lists, a power of two near 4 sqrt(memory_count): 4096 for a million; 1 for few memories."""
    if memory_count < FEWEST_MEMORIES_QUANTISED:
        return 1
    return 2 ** round(numpy.log2(4 * numpy.sqrt(memory_count)))


def train(own, dimensions, lists, session):
    """Trains unit centroids of shape (lists, dimensions) on a sample of these memories, those with the smallest ids."""
    sample = own.project("memory_id").order("memory_id").limit(lists * TRAINING_VECTORS_PER_LIST)
    places = sample.project("memory_id, row_number() over (order by memory_id) - 1 as place")
    vectors = read_vectors(places, sample.count("*").fetchone()[0], dimensions, session)
    return spherical_k_means(vectors, lists)


def spherical_k_means(vectors, lists):
    """Unit centroids (float32) after a few rounds of spherical k-means (Dhillon & Modha 2001), starting from the first
    vectors. Computes in whole numbers, for the same result on any machine. A list without members keeps its centroid.
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
    """Normalises sums of quantised vectors; those whose terms cancel out stay zero."""
    return vectors / numpy.maximum(numpy.sqrt((vectors**2).sum(axis=1, keepdims=True)), 1)
