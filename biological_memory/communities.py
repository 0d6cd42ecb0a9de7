"""Finds communities, centrality and clustering in a graph of memories with igraph.

igraph blocks the other threads of its process, so a large graph runs in a separate process while dbt computes other
models. The random seed is fixed.
"""

import gc
import io
import multiprocessing
import random
import subprocess
import sys

import igraph
import numpy

SEED = 1
# On a million memories a third adds .00003 to a modularity of .924; running to convergence takes several times as long.
ITERATIONS = 2
FEWEST_MEMBERS_SPLIT = 8
# A few seconds of work, compared to half a second to start a process.
FEWEST_TIES_APART = 500_000
forks = multiprocessing.get_context("fork")


def partition(count, ties, weights, resolution):
    """Four arrays over `count` memories in order of id: the first member of the memory's area and of its cluster, its
    centrality and its clustering coefficient. `ties` holds pairs of places, 0 to count - 1, as shape (edges, 2).
    """
    if len(ties) >= FEWEST_TIES_APART:
        return partition_apart(count, ties, weights, resolution)
    return partition_here(count, ties, weights, resolution)


def partition_apart(count, ties, weights, resolution):
    """As `partition`, in a separate process. Raises CalledProcessError when that fails."""
    asked = arrays_to_bytes([numpy.array(count), ties, weights, numpy.array(resolution)])
    ran = subprocess.run([sys.executable, "-m", __name__], input=asked, stdout=subprocess.PIPE, check=True)
    return arrays_from_bytes(ran.stdout)


def answer():
    """Runs in the separate process: reads the graph from standard input and writes the result to standard output.

    A fork computes centrality and clustering meanwhile.
    """
    # Nothing made of the millions of ties is a reference cycle, and looking for cycles takes seconds.
    gc.disable()
    count, ties, weights, resolution = arrays_from_bytes(sys.stdin.buffer.read())
    graph = graph_of(int(count), ties, weights)
    received, sent = forks.Pipe(duplex=False)
    forks.Process(target=lambda: sent.send_bytes(arrays_to_bytes(measured(graph)))).start()
    # Closed here, so that recv_bytes raises EOFError if the fork dies.
    sent.close()
    divided = areas_and_clusters(graph, float(resolution))
    sys.stdout.buffer.write(arrays_to_bytes([*divided, *arrays_from_bytes(received.recv_bytes())]))


def arrays_to_bytes(arrays):
    written = io.BytesIO()
    for array in arrays:
        numpy.save(written, array, allow_pickle=False)
    return written.getbuffer()


def arrays_from_bytes(written):
    file, arrays = io.BytesIO(written), []
    while file.tell() < len(written):
        arrays.append(numpy.load(file, allow_pickle=False))
    return arrays


def partition_here(count, ties, weights, resolution):
    graph = graph_of(count, ties, weights)
    return *areas_and_clusters(graph, resolution), *measured(graph)


def graph_of(count, ties, weights):
    # igraph takes a memoryview as it is, but makes a Python object of each number of an array or a list.
    graph = igraph.Graph(n=count, edges=memoryview(numpy.ascontiguousarray(ties)))
    graph.es["weight"] = weights.tolist()
    return graph


def areas_and_clusters(graph, resolution):
    """For each vertex, the first member of its area and of its cluster."""
    areas = first_members(range(graph.vcount()), communities(graph, resolution))
    members = {}
    for vertex, area in enumerate(areas):
        members.setdefault(area, []).append(vertex)
    clusters = list(areas)
    for within in members.values():
        if len(within) >= FEWEST_MEMBERS_SPLIT:
            labels = communities(graph.induced_subgraph(within), 2 * resolution)
            for vertex, first in zip(within, first_members(within, labels), strict=True):
                clusters[vertex] = first
    return numpy.array(areas), numpy.array(clusters)


def measured(graph):
    """For each vertex, its PageRank times the number of vertices, and its local clustering coefficient."""
    centrality = numpy.array(graph.pagerank(weights="weight")) * graph.vcount()
    return centrality, numpy.array(graph.transitivity_local_undirected(mode="zero"))


def first_members(vertices, labels):
    """For each vertex, the first vertex with the same label."""
    first = {}
    return [first.setdefault(label, vertex) for vertex, label in zip(vertices, labels, strict=True)]


def communities(graph, resolution):
    """For each vertex, the label of its community (Leiden, by modularity at a resolution)."""
    igraph.set_random_number_generator(random.Random(SEED))  # noqa: S311 - the same every time, that is all
    return graph.community_leiden(
        objective_function="modularity",
        weights="weight" if graph.ecount() else None,
        resolution=resolution,
        n_iterations=ITERATIONS,
    ).membership


if __name__ == "__main__":
    answer()
