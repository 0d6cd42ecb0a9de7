"""Spreads activation from the memories a query finds to those they are joined to.

Anderson (1983): an active memory activates those joined to it, in proportion to the strength of the link.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest

from memories.recall.candidates import (
    Dreamt,
    Edge,
    Edges,
    Key,
)

BEST_OF_EPISODE = 3
Activation = Mapping[Key, float]


def along(edges: Iterable[Edge], activation: Activation) -> Activation:
    """The activation each memory receives over edges: the sum of weight times the source's activation."""
    received: defaultdict[Key, float] = defaultdict(float)
    for source, target, weight in edges:
        received[target] += weight * activation.get(source, 0.0)
    return received


def divided(edges: Sequence[Edge], activation: Activation) -> Activation:
    """Like `along`, but a memory divides its activation among its edges by weight: the fan effect (Anderson 1974)."""
    fan: defaultdict[Key, float] = defaultdict(float)
    for source, _, weight in edges:
        fan[source] += weight
    return along(edges, {source: activation.get(source, 0.0) / total for source, total in fan.items() if total})


def to_answers(dreamt: Iterable[Dreamt], asking: Activation, activation: Activation) -> Activation:
    """The activation of the previous memory, times how far that one asks: an answer follows its question."""
    asked = {item: part * activation.get(item, 0.0) for item, part in asking.items() if part}
    return {
        item.item_id: asked[item.previous_id]
        for item in dreamt
        if item.previous_id is not None and item.previous_id in asked
    }


def within_sessions(sessions: Mapping[Key, str | Key], activation: Activation) -> Activation:
    """For each memory, the mean of the best three activations in its session."""
    members: defaultdict[str | Key, list[float]] = defaultdict(list)
    for item, session in sessions.items():
        members[session].append(activation.get(item, 0.0))
    means = {session: _mean_of_best(found) for session, found in members.items()}
    return {item: means[session] for item, session in sessions.items()}


def _mean_of_best(values: Sequence[float]) -> float:
    best = sorted(values, reverse=True)[:BEST_OF_EPISODE]
    return sum(best) / len(best)


def sessions_of(dreamt: Iterable[Dreamt]) -> Mapping[Key, str | Key]:
    """The session of each memory's episode; a memory that no cycle has placed yet is a session of its own."""
    return {
        item.item_id: item.item_id if item.episode_id is None else item.episode_id.rpartition("#")[0] for item in dreamt
    }


def among_similar(
    sessions: Mapping[Key, str | Key], edges: Edges, activation: Activation, neighbours: int
) -> Activation:
    """The activation from the most similar memories: the mean over `neighbours` of similarity times activation.

    Only memories alone in their session and joined to none by an entity receive it; the others have context already.
    """
    members = Counter(sessions.values())
    alone = {item for item, session in sessions.items() if members[session] == 1}
    for edge_type in ("entity", "mention"):
        alone.difference_update(target for _, target, _ in edges.get(edge_type, ()))
    links: defaultdict[Key, list[tuple[float, Key]]] = defaultdict(list)
    for source, target, weight in edges.get("semantic", ()):
        if target in alone:
            links[target].append((weight, source))
    return {
        target: sum(weight * activation.get(source, 0.0) for weight, source in nlargest(neighbours, found)) / neighbours
        for target, found in links.items()
    }
