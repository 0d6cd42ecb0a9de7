"""Folds near-duplicate memories into the first of them."""

from collections.abc import Mapping, Sequence

from memories.lexical.terms import names
from memories.limits import INDEXED_CONTENT_CHARACTERS
from memories.recall.candidates import Key

# Two texts are near-duplicates from this Jaccard similarity of their words on (Broder 1997).
LEAST_SIMILARITY = 0.95


def folded(texts: Sequence[tuple[Key, str]]) -> Mapping[Key, Sequence[Key]]:
    """The texts to keep, in the given order (best first), each with its later near-duplicates.

    Texts whose numbers differ are never near-duplicates: 7 o'clock is not 8.
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
