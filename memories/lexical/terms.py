"""A text as the terms that a search by words compares. Called by the lexical index, for memories and queries alike."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise

import tantivy

from memories.lexical.plain_text import STOP_WORDS, plain, with_parts_and_names

# Whoever changes what a text's terms are changes this too: indexes made before are then built anew.
ANALYSIS = f"3 {version('tantivy')} {version('emoji')}"
LONGEST_WORD_BYTES = 80
# Between the people who take part in a memory and its words, where it is indexed.
SEPARATOR = "\x1f"


def terms(text: str) -> Sequence[str]:
    """The stems of a text's words in their order, an identifier before its parts, without English stop words."""
    return analyser().analyze(with_parts_and_names(plain(text)))


def row_terms(text: str) -> Sequence[str]:
    """What an index keeps of a row (people, `SEPARATOR`, words): its terms, each two side by side, and its people."""
    people, _, words = text.partition(SEPARATOR)
    found = terms(words)
    return [*terms(people), *found, *pairs(found), *map(person, dict.fromkeys(names(people)))]


def names(people: str) -> Sequence[str]:
    """The words of people's names, as they are written but for case and accents: Will is a name, will a stop word."""
    return namer().analyze(plain(people))


def pairs(found: Sequence[str]) -> Sequence[str]:
    """Terms side by side, as one term each."""
    return [f"{one}+{other}" for one, other in pairwise(found)]


def person(name: str) -> str:
    """A word of a person's name, as the term that stands where that person takes part."""
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
def splitter() -> tantivy.TextAnalyzer:
    """For terms that are found already: one blank between each two."""
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
