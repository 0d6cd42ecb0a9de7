"""Memories that say nearly the same, folded into the first of them. Called by recall."""

from collections.abc import Mapping, Sequence

from memories.lexical.terms import names
from memories.limits import INDEXED_CONTENT_CHARACTERS
from memories.recall.candidates import Key

# Jaccard similarity of the words from which two texts say the same (Broder 1997).
LEAST_SIMILARITY = 0.95


def folded(texts: Sequence[tuple[Key, str]]) -> Mapping[Key, Sequence[Key]]:
    """Those of some texts, best first, that are not nearly the same as one before, each with those that are.

    Texts whose numbers differ are never the same: seven o'clock is not eight.
    """
    kept: dict[Key, list[Key]] = {}
    seen: list[tuple[Key, frozenset[str]]] = []
    for memory_id, text in texts:
        found = frozenset(names(text[:INDEXED_CONTENT_CHARACTERS]))
        first = next((earlier for earlier, known in seen if _nearly_same(known, found)), None)
        if first is None:
            kept[memory_id] = []
            seen.append((memory_id, found))
        else:
            kept[first].append(memory_id)
    return kept


def _nearly_same(one: frozenset[str], other: frozenset[str]) -> bool:
    fewer, more = sorted((len(one), len(other)))
    if not fewer or fewer < LEAST_SIMILARITY * more or len(one & other) < LEAST_SIMILARITY * len(one | other):
        return False
    return not any(any(sign.isdigit() for sign in term) for term in one ^ other)
