"""Splits a text, of a memory or a query, into the terms that a word search compares."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise

import tantivy

from memories.lexical.plain_text import STOP_WORDS, plain, with_parts_and_names

# Change this with any change of a text's terms: indexes made before are then rebuilt.
ANALYSIS = f"3 {version('tantivy')} {version('emoji')}"
LONGEST_WORD_BYTES = 80
# Separates the people in a memory from its words in an index entry.
SEPARATOR = "\x1f"


def terms(text: str) -> Sequence[str]:
    """Stems of a text's words in order, without English stop words; an identifier comes before its parts."""
    return analyser().analyze(with_parts_and_names(plain(text)))


def row_terms(text: str) -> Sequence[str]:
    """The terms to index for a row (people, `SEPARATOR`, words): its terms, adjacent pairs of them, and its people."""
    people, _, words = text.partition(SEPARATOR)
    found = terms(words)
    return [*terms(people), *found, *pairs(found), *map(person, dict.fromkeys(names(people)))]


def names(people: str) -> Sequence[str]:
    """Words of people's names without case and accents, but unstemmed and with stop words: Will is a name."""
    return namer().analyze(plain(people))


def stems(text: str) -> Sequence[str]:
    """Stems of all words of a text in order, stop words too."""
    return stemmer().analyze(plain(text))


def pairs(found: Sequence[str]) -> Sequence[str]:
    """Each two adjacent terms, joined into one."""
    return [f"{one}+{other}" for one, other in pairwise(found)]


def person(name: str) -> str:
    """The term that marks memories in which a person takes part, from a word of the name."""
    return f"@{name}"


@lru_cache(maxsize=1)
def analyser() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(LONGEST_WORD_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.custom_stopword(sorted(STOP_WORDS)))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


@lru_cache(maxsize=1)
def stemmer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(LONGEST_WORD_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


@lru_cache(maxsize=1)
def splitter() -> tantivy.TextAnalyzer:
    """Splits terms that are already analysed, at blanks."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


@lru_cache(maxsize=1)
def namer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(LONGEST_WORD_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .build()
    )
