"""One row per memory that the last night saw: its area and cluster (Leiden, two levels), centrality and clustering.

Areas are communities of the whole graph (Traag, Waltman & van Eck 2019), clusters are communities within an area. A
community is named after its smallest member id, so that equal partitions have equal labels. Centrality is PageRank
times the number of memories (1 is average), clustering the local clustering coefficient.
"""

import duckdb
import numpy

from biological_memory.communities import partition


def model(dbt, session):
    resolution = float(dbt.config.get("community_resolution"))
    inputs = dbt.ref("ltm_night_graph_inputs")
    graph_edges = dbt.ref("ltm_night_graph")
    memories = dbt.ref("stg_memories")
    nights = dbt.ref("ltm_nights")
    missing = f"where agent not in (select agent from {dbt.this})" if dbt.is_incremental else ""
    session.execute(
        "create or replace temp table community_rows (agent varchar, fingerprint varchar, memory_id uuid,"
        " area_id varchar, cluster_id varchar, network_centrality double, clustering_coefficient double)"
    )
    for (agent,) in session.sql(f"select agent from inputs {missing} order by agent").fetchall():
        # Filters, not parameters: DuckDB transfers the result of a query with parameters value by value.
        is_own = duckdb.ColumnExpression("agent") == duckdb.ConstantExpression(agent)
        own_memories, own_edges = memories.filter(is_own), graph_edges.filter(is_own)
        # `sql` sees this function's variables; `execute` of dbt's session does not. Only numbers leave and enter
        # DuckDB: it takes them many times as fast as texts. DuckDB estimates a table made in the same transaction as
        # empty, and would plan a cross product with it: so joins with it are left joins, which keep the order given.
        session.sql(
            "create or replace temp table community_members as"
            " select m.memory_id, row_number() over (order by m.memory_id) - 1 as place"
            " from own_memories as m inner join nights as n on n.agent = m.agent and n.is_last"
            " where m.created_at < n.night_at"
        )
        ties = session.sql(
            "select a.place as one, b.place as other, g.weight from own_edges as g"
            " left join community_members as a on a.memory_id = g.memory_a"
            " left join community_members as b on b.memory_id = g.memory_b"
            " order by 1, 2"
        ).fetchnumpy()
        count = session.table("community_members").count("*").fetchone()[0]
        areas, clusters, centrality, clustering = partition(
            count, numpy.column_stack([ties["one"], ties["other"]]), ties["weight"], resolution
        )
        found = {
            "place": numpy.arange(count), "area": areas, "cluster": clusters,
            # igraph's results vary between runs in the twelfth decimal.
            "centrality": numpy.round(centrality, 6), "clustering": numpy.round(clustering, 9),
        }  # fmt: skip
        fingerprints = inputs.filter(is_own)
        session.sql(
            "insert into community_rows select i.agent, i.fingerprint, m.memory_id, 'area:' || a.memory_id,"
            " 'cluster:' || c.memory_id, f.centrality, f.clustering"
            " from found as f left join fingerprints as i on true"
            " left join community_members as m on m.place = f.place"
            " left join community_members as a on a.place = f.area"
            " left join community_members as c on c.place = f.cluster"
        )
    return session.table("community_rows")
