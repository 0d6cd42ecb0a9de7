"""Says how likely it is that a search found what was asked, so that "nothing sure was found" can be said.

A logistic model of four figures of a search, fitted on eight sets of questions, as many of them about another life as
about the one that was searched (docs/decisions/0020).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from memories.lexical.bm25 import rarity
from memories.lexical.index import LexicalIndex
from memories.lexical.terms import Word, terms
from memories.records import Recalled, Signs

# The results that are looked at.
FIRST = 5
# The fields beside the content whose words count.
FIELDS = ("speaker", "author", "people", "title", "aliases")


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic model of the signs."""

    constant: float
    similarity: float
    coverage: float
    known: float
    relevance: float

    def probability(self, signs: Signs) -> float:
        log_odds = (
            self.constant
            + self.similarity * (signs.similarity or 0.0)
            + self.coverage * signs.coverage
            + self.known * signs.known
            + self.relevance * signs.relevance
        )
        return 1 / (1 + exp(-log_odds))


WITH_VECTOR = Logistic(constant=-8.75, similarity=10.4, coverage=2.41, known=1.16, relevance=0.102)
WORDS_ALONE = Logistic(constant=-5.16, similarity=0.0, coverage=4.81, known=3.72, relevance=0.0)


def confidence(found: Signs) -> float:
    """The probability, from 0 to 1, that one of the first five results is what a question asks for."""
    return (WORDS_ALONE if found.similarity is None else WITH_VECTOR).probability(found)


def signs(asked: Collection[Word], results: Sequence[Recalled], lexical: LexicalIndex) -> Signs | None:
    """The signs of results for the words of a question; None without results.

    A word is known if the store has its stem in any language, and covered by a result that has one.
    """
    if not results:
        return None
    rows, first, languages = lexical.row_count, results[:FIRST], lexical.languages
    rarities = {word: (frequency := _frequency(word, lexical), rarity(rows, frequency)) for word in asked}
    total = sum(rare for _, rare in rarities.values())
    # A question of nothing but a time, or of stop words, asks for whatever there is.
    coverage = known = 1.0
    if total:
        known = sum(rare for frequency, rare in rarities.values() if frequency) / total
        coverage = max(_covered(rarities, _terms_of(each, languages)) for each in first) / total
    similarities = [each.cosine_similarity for each in first if each.cosine_similarity is not None]
    return Signs(max(similarities, default=None), coverage, known, results[0].relevance)


def _frequency(word: Word, lexical: LexicalIndex) -> int:
    return sum(lexical.row_frequency(term) for term in word)


def _covered(rarities: Mapping[Word, tuple[int, float]], found: Collection[str]) -> float:
    return sum(rare for word, (_, rare) in rarities.items() if not word.isdisjoint(found))


def _terms_of(result: Recalled, languages: Sequence[str]) -> set[str]:
    memory = result.memory
    fields = [str(memory.metadata[name]) for name in FIELDS if name in memory.metadata]
    text = " ".join([result.passage, *fields, *memory.tags, memory.context, memory.summary])
    return {term for language in languages for term in terms(text, language)}
