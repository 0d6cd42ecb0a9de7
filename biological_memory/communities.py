"""Communities of a graph of memories, with their centrality and clustering. Called by the dbt model ltm_communities.

While igraph counts, no other thread of its process goes on: a large graph has a process of its own, and dbt goes on
with other models. The seed is fixed.
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
# On a million memories a third adds .00003 to a modularity of .924; until nothing improves takes several times as long.
ITERATIONS = 2
FEWEST_MEMBERS_SPLIT = 8
# A few seconds' work: a process takes half a second to start.
FEWEST_TIES_APART = 500_000
forks = multiprocessing.get_context("fork")


def partition(count, ties, weights, resolution):
    """For each of so many memories, in order of their ids: the first memory of its area and of its cluster, its
    centrality and its clustering; ties as pairs of places.
    """
    if len(ties) >= FEWEST_TIES_APART:
        return partition_apart(count, ties, weights, resolution)
    return partition_here(count, ties, weights, resolution)


def partition_apart(count, ties, weights, resolution):
    """The same, by a process of its own. Raises CalledProcessError where that fails."""
    asked = arrays_to_bytes([numpy.array(count), ties, weights, numpy.array(resolution)])
    ran = subprocess.run([sys.executable, "-m", __name__], input=asked, stdout=subprocess.PIPE, check=True)
    return arrays_from_bytes(ran.stdout)


def answer():
    """What that process does: it is asked by its standard input, and answers by its output. A fork of it measures the
    graph while it looks for communities.
    """
    # Of all that is made of millions of ties nothing goes round in circles, and looking for such takes seconds.
    gc.disable()
    count, ties, weights, resolution = arrays_from_bytes(sys.stdin.buffer.read())
    graph = graph_of(int(count), ties, weights)
    received, sent = forks.Pipe(duplex=False)
    forks.Process(target=lambda: sent.send_bytes(arrays_to_bytes(measured(graph)))).start()
    # Where the fork ends without a word, waiting for it then ends too.
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
    # A view of memory igraph takes as it is, where it would make an object of each number of an array or a list.
    graph = igraph.Graph(n=count, edges=memoryview(numpy.ascontiguousarray(ties)))
    graph.es["weight"] = weights.tolist()
    return graph


def areas_and_clusters(graph, resolution):
    """The first member of the area and of the cluster of each vertex."""
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
    """The centrality and the clustering of each vertex."""
    centrality = numpy.array(graph.pagerank(weights="weight")) * graph.vcount()
    return centrality, numpy.array(graph.transitivity_local_undirected(mode="zero"))


def first_members(vertices, labels):
    """The first of the vertices that has the same label, for each of them."""
    first = {}
    return [first.setdefault(label, vertex) for vertex, label in zip(vertices, labels, strict=True)]


def communities(graph, resolution):
    """By modularity at a resolution."""
    igraph.set_random_number_generator(random.Random(SEED))  # noqa: S311 - the same every time, that is all
    return graph.community_leiden(
        objective_function="modularity",
        weights="weight" if graph.ecount() else None,
        resolution=resolution,
        n_iterations=ITERATIONS,
    ).membership


if __name__ == "__main__":
    answer()
