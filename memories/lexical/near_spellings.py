"""Finds what the words of a query were meant to be that no memory has: words of memories that are spelt nearly so."""

import re
from collections.abc import Iterator, Mapping

from rapidfuzz.distance import OSA

from memories.lexical import changes
from memories.lexical.index import LexicalIndex
from memories.lexical.terms import terms
from memories.postgres.database import Connection

WORD = re.compile(r"[^\W_]+")
# Shorter words have too many neighbours to be guessed; longer ones may have two errors in them.
SHORTEST_TERM = 4
LONG_TERM = 8
LOOKED_AT_MEMORIES = 20


def respelled(connection: Connection, lexical: LexicalIndex, query: str) -> Mapping[str, str]:
    """Words of the query that no memory has, each with the nearest word that one has."""
    found = {word: _nearest(connection, lexical, term) for word, term in _unknown(lexical, query)}
    return {word: near for word, near in found.items() if near is not None}


def _unknown(lexical: LexicalIndex, query: str) -> Iterator[tuple[str, str]]:
    for word in dict.fromkeys(WORD.findall(query)):
        known_as = terms(word)
        if len(known_as) == 1 and _may_be_misspelt(known_as[0]) and not lexical.row_frequency(known_as[0]):
            yield word, known_as[0]


def _may_be_misspelt(term: str) -> bool:
    """Numbers and codes mean what they say."""
    return len(term) >= SHORTEST_TERM and term.isalpha()


def _nearest(connection: Connection, lexical: LexicalIndex, term: str) -> str | None:
    most_errors = 1 if len(term) < LONG_TERM else 2
    memory_ids = lexical.near(term, most_errors, LOOKED_AT_MEMORIES)
    texts = changes.words(connection, memory_ids).values() if memory_ids else ()
    errors = {
        word: OSA.distance(term, known_as[0])
        for word in {word.lower() for text in texts for word in WORD.findall(text)}
        if len(known_as := terms(word)) == 1 and known_as[0][0] == term[0]
    }
    near = [word for word, count in errors.items() if count <= most_errors]
    return min(near, key=lambda word: (errors[word], -lexical.row_frequency(terms(word)[0]), word), default=None)
