"""What a search answers: the request of its caller, and the question prepared from it for each kind of search."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy
from numpy.typing import NDArray

from memories.lexical.index import LexicalIndex
from memories.lexical.languages import ENGLISH
from memories.lexical.near_spellings import respelled
from memories.lexical.terms import Word
from memories.postgres.database import Connection
from memories.recall.fusion import Familiarity, chance
from memories.recall.query import asked_words, named, query_terms, without_names, without_relative_times
from memories.records import Filters, Term
from memories.when.period import Period
from memories.when.reading import periods

VectorOf = Callable[[str], NDArray[numpy.float32] | None]


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller of a search wants. `without` switches terms of relevance off.

    `periods` are times that the query means without naming them: those it counts from an event.
    """

    query: str
    k: int
    filters: Filters
    as_of: datetime | None
    without: Collection[Term]
    tag_weight: float
    periods: Sequence[Period] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a search looks. `beside` may be in pipeline mode: it runs queries while `connection` is busy."""

    connection: Connection
    beside: Connection
    lexical: LexicalIndex
    familiarity: Familiarity


@dataclass(frozen=True, slots=True)
class Question:
    """A query prepared for each kind of search: its words, names, vector, times, and the scores of unrelated memories.

    `words` are those that say what is asked for, without the words that say when.
    """

    words: frozenset[Word]
    weights: Mapping[str, float]
    names: frozenset[str]
    respelled: Mapping[str, str]
    vector: NDArray[numpy.float32] | None
    by_chance: tuple[float, float]
    familiarity: tuple[float, float]
    periods: Sequence[Period]

    def lexical(self, bm25: float) -> float:
        mean, deviation = self.by_chance
        return (bm25 - mean) / deviation if deviation else 0.0

    def dense(self, cosine_similarity: float) -> float:
        mean, deviation = self.familiarity
        return (cosine_similarity - mean) / deviation


def prepared(request: Request, sources: Sources, vector_of: VectorOf | None, instant: datetime) -> Question:
    """The question of a request, without what the request switches off; without `vector_of`, it has no vector."""
    without, lexical = request.without, sources.lexical
    times = [*request.periods, *periods(request.query, instant)] if "time" not in without else []
    query = without_relative_times(request.query, times)
    names = named(query, lexical) if "people" not in without else frozenset[str]()
    vector = None
    # "What did I do yesterday?" asks for all of that day: what its other words are like says nothing.
    if vector_of is not None and "dense" not in without and (asked_words(query, {}, times, [ENGLISH]) or not times):
        vector = vector_of(without_names(query, names))
    guessed = respelled(sources.connection, lexical, query) if "lexical" not in without else {}
    weights = query_terms(query, guessed, lexical) if "lexical" not in without else {}
    return Question(
        words=asked_words(query, guessed, times, lexical.languages),
        weights=weights,
        names=names,
        respelled=guessed,
        vector=vector,
        by_chance=chance(lexical, weights),
        familiarity=_familiarity(sources, vector),
        periods=times,
    )


def _familiarity(sources: Sources, vector: NDArray[numpy.float32] | None) -> tuple[float, float]:
    """Mean and deviation of the cosine similarity to unrelated memories."""
    if vector is None:
        return 0.0, 1.0
    return sources.familiarity.of(sources.connection, vector, sources.lexical.row_count)
