"""Analyses a query: its terms, its pairs of adjacent words, the people it names."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from memories.lexical.bm25 import rarity
from memories.lexical.index import LexicalIndex
from memories.lexical.terms import Word, names, pairs, person, query_words, terms
from memories.when.period import Period

# Two adjacent words say more than each alone: the pair's weight, relative to a single word's.
PAIR_WEIGHT = 0.4
# A word guessed from a misspelt one counts half.
GUESSED_WEIGHT = 0.5
# Phrases that ask how things were, not how they are.
PAST = re.compile(
    r"\b(ago|at first|back then|before|earlier|formerly|in the past|old|originally|previous|previously|used to)\b",
    re.IGNORECASE,
)
WORD = re.compile(r"([^\W_]+)(?:['’]s\b)?")


def query_terms(query: str, respelled: Mapping[str, str], lexical: LexicalIndex) -> Mapping[str, float]:
    """BM25 weights of the query's terms, pairs of terms and guessed words."""
    languages = lexical.languages
    weights: dict[str, float] = {}
    for guessed in respelled.values():
        for word in query_words(guessed, languages):
            weights |= _weighed(word, GUESSED_WEIGHT, lexical)
    for word, count in Counter(query_words(query, languages)).items():
        weights |= _weighed(word, count, lexical)
    pairs_found = Counter(pair for language in languages for pair in pairs(terms(query, language)))
    return weights | {pair: PAIR_WEIGHT * count for pair, count in pairs_found.items()}


def _weighed(word: Word, weight: float, lexical: LexicalIndex) -> Mapping[str, float]:
    """The weight of each term of a word: BM25 shall value them all by how rare the word is in all languages."""
    if len(word) == 1:
        return dict.fromkeys(word, float(weight))
    rows, frequencies = lexical.row_count, {term: lexical.row_frequency(term) for term in sorted(word)}
    together = rarity(rows, sum(frequencies.values()))
    return {term: weight * together / rarity(rows, frequency) for term, frequency in frequencies.items()}


def asked_words(
    query: str, respelled: Mapping[str, str], times: Iterable[Period], languages: Sequence[str]
) -> frozenset[Word]:
    """The words that say what a query asks for: guessed ones replace misspelt ones, those for a time are left out.

    A query of such words alone asks for all of that time, and has none.
    """

    def words(text: str) -> Sequence[Word]:
        return query_words(text, languages)

    found = set(words(query)).difference(*(words(period.words) for period in times))
    return frozenset(found.difference(*map(words, respelled)).union(*map(words, respelled.values())))


def named(query: str, lexical: LexicalIndex) -> frozenset[str]:
    """Capitalised words of the query that name people who take part in some memory.

    A stop word at the beginning does not count: "Will it rain?" is not about Will.
    """
    words = [match[1] for match in WORD.finditer(query)]
    capitalised = [word for place, word in enumerate(words) if word[0].isupper() and (place or terms(word))]
    found = {name for word in capitalised for name in names(word)}
    return frozenset(name for name in found if lexical.row_frequency(person(name)))


def without_relative_times(query: str, times: Iterable[Period]) -> str:
    """The query without words like "yesterday", which stand in memories of any day; unchanged if nothing is left."""
    rest = query
    for period in times:
        if period.is_relative:
            rest = re.sub(r"\W+".join(map(re.escape, period.words.split())), " ", rest, flags=re.IGNORECASE)
    return rest if WORD.search(rest) else query


def asks_of_the_past(query: str) -> bool:
    return PAST.search(query) is not None


def without_names(query: str, people: frozenset[str]) -> str:
    """The query without the people it names, which are matched exactly; unchanged when no other term is left."""
    if not people:
        return query
    rest = " ".join(WORD.sub(lambda match: "" if _is_named(match[1], people) else match[0], query).split())
    return rest if terms(rest) else query


@lru_cache(maxsize=4096)
def people_names(people: str) -> frozenset[str]:
    return frozenset(names(people))


def _is_named(word: str, people: frozenset[str]) -> bool:
    return word[0].isupper() and people.issuperset(names(word) or [""])
