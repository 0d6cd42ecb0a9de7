"""One row per memory that the last night saw: its area and cluster (Leiden, two levels), centrality and clustering.

Areas are communities of the whole graph (Traag, Waltman & van Eck 2019), clusters those within an area. Labels are
canonical: a community is called after its smallest member id, so equal partitions have equal labels. Centrality is
PageRank times the number of memories (1 is average), clustering the local clustering coefficient. The seed is fixed.
"""

import igraph
import leidenalg
import numpy

SEED = 1
# Columns of a row before its numbers.
TEXTS = 5
FEWEST_MEMBERS_SPLIT = 8


def model(dbt, session):
    resolution = float(dbt.config.get("community_resolution"))
    inputs = dbt.ref("ltm_night_graph_inputs")
    graph_edges = dbt.ref("ltm_night_graph")
    memories = dbt.ref("stg_memories")
    nights = dbt.ref("ltm_nights")
    missing = f"where agent not in (select agent from {dbt.this})" if dbt.is_incremental else ""
    rows = []
    for agent, fingerprint in session.sql(f"select agent, fingerprint from inputs {missing} order by agent").fetchall():
        ids = [
            str(row[0])
            for row in session.sql(
                "select m.memory_id from memories as m inner join nights as n on n.agent = m.agent and n.is_last"
                " where m.agent = ? and m.created_at < n.night_at order by m.memory_id",
                params=[agent],
            ).fetchall()
        ]
        edges = session.sql(
            "select memory_a::varchar, memory_b::varchar, weight from graph_edges where agent = ?"
            " order by memory_a, memory_b",
            params=[agent],
        ).fetchall()
        rows += [(agent, fingerprint, *row) for row in partition(ids, edges, resolution)]
    session.execute(
        "create or replace temp table community_rows (agent varchar, fingerprint varchar, memory_id uuid,"
        " area_id varchar, cluster_id varchar, network_centrality double, clustering_coefficient double)"
    )
    if rows:
        # Column by column: DuckDB takes arrays hundreds of times as fast as rows.
        columns = enumerate(zip(*rows, strict=True))
        found = {f"c{n}": numpy.array(column, dtype=object if n < TEXTS else float) for n, column in columns}
        # `sql` sees the variables of this function, which `execute` of dbt's session does not.
        session.sql("insert into community_rows select * from found")
    return session.table("community_rows")


def partition(ids, edges, resolution):
    """(memory id, area, cluster, centrality, clustering) of each memory; ids in order, edges as (a, b, weight)."""
    place = {memory_id: position for position, memory_id in enumerate(ids)}
    known = [(place[a], place[b], weight) for a, b, weight in edges if a in place and b in place]
    graph = igraph.Graph(n=len(ids), edges=[(a, b) for a, b, _ in known])
    graph.es["weight"] = [weight for _, _, weight in known]
    areas = first_members(range(len(ids)), communities(graph, resolution))
    members = {}
    for vertex, area in enumerate(areas):
        members.setdefault(area, []).append(vertex)
    clusters = list(areas)
    for within in members.values():
        if len(within) >= FEWEST_MEMBERS_SPLIT:
            labels = communities(graph.induced_subgraph(within), 2 * resolution)
            for vertex, first in zip(within, first_members(within, labels), strict=True):
                clusters[vertex] = first
    centrality = graph.pagerank(weights="weight")
    clustering = graph.transitivity_local_undirected(mode="zero")
    return [
        (
            memory_id,
            f"area:{ids[areas[vertex]]}",
            f"cluster:{ids[clusters[vertex]]}",
            round(centrality[vertex] * len(ids), 9),
            round(clustering[vertex], 9),
        )
        for vertex, memory_id in enumerate(ids)
    ]


def first_members(vertices, labels):
    """The first of the vertices that has the same label, for each of them."""
    first = {}
    return [first.setdefault(label, vertex) for vertex, label in zip(vertices, labels, strict=True)]


def communities(graph, resolution):
    return leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights="weight" if graph.ecount() else None,
        resolution_parameter=resolution,
        seed=SEED,
        n_iterations=-1,
    ).membership
