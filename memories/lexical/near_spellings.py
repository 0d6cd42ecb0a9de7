"""Corrects query words that no memory contains to similarly spelt words of memories."""

import re
from collections.abc import Iterator, Mapping

from rapidfuzz.distance import OSA

from memories.lexical import changes
from memories.lexical.index import LexicalIndex
from memories.lexical.terms import terms
from memories.postgres.database import Connection

WORD = re.compile(r"[^\W_]+")
# Shorter words have too many neighbours to guess; from LONG_TERM on, two errors are allowed instead of one.
SHORTEST_TERM = 4
LONG_TERM = 8
LOOKED_AT_MEMORIES = 20


def respelled(connection: Connection, lexical: LexicalIndex, query: str) -> Mapping[str, str]:
    """Maps query words that no memory contains to the nearest word that one does; omits words without one."""
    found = {word: _nearest(connection, lexical, term) for word, term in _unknown(lexical, query)}
    return {word: near for word, near in found.items() if near is not None}


def _unknown(lexical: LexicalIndex, query: str) -> Iterator[tuple[str, str]]:
    for word in dict.fromkeys(WORD.findall(query)):
        known_as = terms(word)
        if len(known_as) == 1 and _may_be_misspelt(known_as[0]) and not lexical.row_frequency(known_as[0]):
            yield word, known_as[0]


def _may_be_misspelt(term: str) -> bool:
    """Whether a term is long enough to guess at, and neither a number nor a code, which are meant literally."""
    return len(term) >= SHORTEST_TERM and term.isalpha()


def _nearest(connection: Connection, lexical: LexicalIndex, term: str) -> str | None:
    most_errors = 1 if len(term) < LONG_TERM else 2
    memory_ids = lexical.near(term, most_errors, LOOKED_AT_MEMORIES)
    texts = changes.words(connection, memory_ids).values() if memory_ids else ()
    # Its first letter rules out most words before the slow analysis; accents may hide that of others.
    alike = {word.lower() for text in texts for word in WORD.findall(text)}
    errors = {
        word: OSA.distance(term, known_as[0])
        for word in alike
        if (word[0] == term[0] or not word[0].isascii())
        and len(known_as := terms(word)) == 1
        and known_as[0][0] == term[0]
    }
    near = [word for word, count in errors.items() if count <= most_errors]
    return min(near, key=lambda word: (errors[word], -lexical.row_frequency(terms(word)[0]), word), default=None)
