"""Corrects query words that no memory contains to similarly spelt words of memories."""

import re
from collections.abc import Iterator, Mapping, Sequence

from rapidfuzz.distance import OSA

from memories.lexical import changes
from memories.lexical.index import LexicalIndex
from memories.lexical.terms import stem, terms
from memories.postgres.database import Connection

WORD = re.compile(r"[^\W_]+")
# Shorter words have too many neighbours to guess; from LONG_TERM on, two errors are allowed instead of one.
SHORTEST_TERM = 4
LONG_TERM = 8
LOOKED_AT_MEMORIES = 20


def respelled(connection: Connection, lexical: LexicalIndex, query: str) -> Mapping[str, str]:
    """Maps query words that no memory contains to the nearest word that one does; omits words without one."""
    languages = lexical.languages
    found = {word: _nearest(connection, lexical, known_as) for word, known_as in _unknown(lexical, query, languages)}
    return {word: near for word, near in found.items() if near is not None}


def _unknown(lexical: LexicalIndex, query: str, languages: Sequence[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The words of a query that no memory contains, each with its term by language."""
    for word in dict.fromkeys(WORD.findall(query)):
        found = {language: terms(word, language) for language in languages}
        known_as = {language: only[0] for language, only in found.items() if len(only) == 1}
        if len(known_as) == len(languages) and not any(map(lexical.row_frequency, known_as.values())):
            yield word, {language: term for language, term in known_as.items() if _may_be_misspelt(stem(term))}


def _may_be_misspelt(bare: str) -> bool:
    """Whether a stem is long enough to guess at, and neither a number nor a code, which are meant literally."""
    return len(bare) >= SHORTEST_TERM and bare.isalpha()


def _nearest(connection: Connection, lexical: LexicalIndex, known_as: Mapping[str, str]) -> str | None:
    errors: dict[str, tuple[int, int]] = {}
    for language, term in known_as.items():
        for word, found in _near(connection, lexical, language, term).items():
            errors[word] = min(found, errors.get(word, found))
    return min(errors, key=lambda word: (errors[word], word), default=None)


def _near(connection: Connection, lexical: LexicalIndex, language: str, term: str) -> Mapping[str, tuple[int, int]]:
    """Words of memories whose stem is near a term of a language, each with its errors and minus its frequency."""
    bare = stem(term)
    most_errors = 1 if len(bare) < LONG_TERM else 2
    memory_ids = lexical.near(term, most_errors, LOOKED_AT_MEMORIES)
    texts = changes.words(connection, memory_ids).values() if memory_ids else ()
    # Its first letter rules out most words before the slow analysis; accents may hide that of others.
    alike = {word.lower() for text in texts for word in WORD.findall(text)}
    near = {
        word: known_as[0]
        for word in alike
        if (word[0] == bare[0] or not word[0].isascii())
        and len(known_as := terms(word, language)) == 1
        and stem(known_as[0])[0] == bare[0]
    }
    return {
        word: (errors, -lexical.row_frequency(found))
        for word, found in near.items()
        if (errors := OSA.distance(term, found)) <= most_errors
    }
