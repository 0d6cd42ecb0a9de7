"""Activation that spreads from the memories a query finds to those they are joined to. Called by recall.

Anderson (1983): what is joined to an active memory is activated by it, in proportion to the strength of the link.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from uuid import UUID

from memories.candidates import Edge, Facts

BEST_OF_EPISODE = 3
Activation = Mapping[UUID, float]


def along(edges: Iterable[Edge], edge_type: str, activation: Activation) -> Activation:
    """What each memory receives over edges of a type: the sum of weight times the activation of the other end."""
    received: defaultdict[UUID, float] = defaultdict(float)
    for edge in edges:
        if edge.edge_type == edge_type:
            received[edge.target] += edge.weight * max(activation.get(edge.source, 0.0), 0.0)
    return received


def divided(edges: Sequence[Edge], edge_type: str, activation: Activation) -> Activation:
    """The same, but what a memory passes on is divided among all it is joined to: the fan effect (Anderson 1974)."""
    fan: defaultdict[UUID, float] = defaultdict(float)
    for edge in edges:
        if edge.edge_type == edge_type:
            fan[edge.source] += edge.weight
    return along(
        edges, edge_type, {source: activation.get(source, 0.0) / total for source, total in fan.items() if total}
    )


def to_answers(items: Iterable[Facts], asking: Mapping[UUID, float], activation: Activation) -> Activation:
    """What each memory receives from the one before it, as far as that one asks: an answer follows its question."""
    return {
        item.item_id: asking.get(item.previous_id, 0.0) * max(activation.get(item.previous_id, 0.0), 0.0)
        for item in items
        if item.previous_id is not None
    }


def within_sessions(items: Sequence[Facts], activation: Activation) -> Activation:
    """The mean of the best three activations of the session each memory belongs to; alone, a memory is its own."""
    sessions: defaultdict[str, list[float]] = defaultdict(list)
    for item in items:
        sessions[session_of(item)].append(max(activation.get(item.item_id, 0.0), 0.0))
    means = {
        session: sum(best) / len(best)
        for session, members in sessions.items()
        if (best := nlargest(BEST_OF_EPISODE, members))
    }
    return {item.item_id: means[session_of(item)] for item in items}


def session_of(item: Facts) -> str:
    """The session of an episode; a memory that no cycle has placed yet has one of its own."""
    return str(item.item_id) if item.episode_id is None else item.episode_id.rpartition("#")[0]


def among_similar(items: Sequence[Facts], edges: Sequence[Edge], activation: Activation, neighbours: int) -> Activation:
    """What each memory receives from its most similar ones: the mean over so many of similarity times activation.

    Only memories without company lean on likeness: those of a session, or joined by name, have a context of their own.
    """
    sessions = Counter(session_of(item) for item in items)
    alone = {item.item_id for item in items if sessions[session_of(item)] == 1}
    alone.difference_update(edge.target for edge in edges if edge.edge_type in ("entity", "mention"))
    links: defaultdict[UUID, list[tuple[float, UUID]]] = defaultdict(list)
    for edge in edges:
        if edge.edge_type == "semantic" and edge.target in alone:
            links[edge.target].append((edge.weight, edge.source))
    return {
        target: sum(weight * activation.get(source, 0.0) for weight, source in nlargest(neighbours, found)) / neighbours
        for target, found in links.items()
    }
