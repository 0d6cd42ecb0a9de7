"""Search: which memories answer a query, and why. Called by `Memory.search`.

Candidates come by words (BM25) and by meaning (nearest vectors). Their standardised sum is what a memory is worth by
itself; from there activation spreads over what was dreamt: neighbours in time, session, entities, meaning,
co-activation. Every share of the result is named. docs/biology.md has the equations.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from itertools import chain
from uuid import UUID, uuid4

import numpy
from numpy.typing import NDArray

from memories.documents.memoir import memoirs
from memories.embedding.vectors import as_parameter
from memories.lexical.index import LexicalIndex
from memories.lexical.near_spellings import respelled
from memories.postgres.database import Connection
from memories.recall import candidates, spread
from memories.recall.candidates import (
    Asked,
    Dreamt,
    Edges,
    Key,
    Row,
)
from memories.recall.duplicates import folded
from memories.recall.filters import condition
from memories.recall.fusion import Familiarity, chance
from memories.recall.query import (
    asks_of_the_past,
    named,
    people_names,
    query_terms,
    without_names,
)
from memories.records import Answer, Filters, Recalled, Term

VectorOf = Callable[[str], NDArray[numpy.float32] | None]

# Candidates by words (as many as results, where more are wanted), by meaning, and those from which activation spreads.
LEXICAL_ROWS = 80
DENSE_ROWS = 60
SEEDS = 20
# And those beyond them that it reaches.
REACHED = 60
# With filters more is read by words, so many times as much again, until enough is left.
WIDENING = 10
# Results read beyond those asked for, to stand in for near-duplicates.
SPARE_RESULTS = 10

# How much each term counts beside words; docs/results.md says how they were found.
DENSE = 1.6
PEOPLE = 4.0
ASKING = 5.0
TEMPORAL = 0.2
ANSWERING = 0.8
EPISODE = 0.5
ENTITY = 0.6
NAMING = 1.2
SEMANTIC = 1.3
HEBBIAN = 0.3
RETRIEVABILITY = 0.3
# By so much what is true now comes before what it replaced.
LEAD = 0.01
SEMANTIC_NEIGHBOURS = 3
TERM_OF_EDGES: Mapping[str, Term] = {
    "temporal": "temporal",
    "entity": "entity",
    "mention": "entity",
    "hebbian": "hebbian",
    "semantic": "semantic",
}
# A memory that was not dreamt of yet is fresh.
FRESH = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """A query as each kind of search takes it: its terms and who is named, its vector, and what any memory scores."""

    weights: Mapping[str, float]
    names: frozenset[str]
    respelled: Mapping[str, str]
    vector: NDArray[numpy.float32] | None
    by_chance: tuple[float, float]
    familiarity: tuple[float, float]

    def lexical(self, bm25: float) -> float:
        mean, deviation = self.by_chance
        return (bm25 - mean) / deviation if deviation else 0.0

    def dense(self, cosine_similarity: float) -> float:
        mean, deviation = self.familiarity
        return (cosine_similarity - mean) / deviation


@dataclass(slots=True)
class Candidate:
    """A document that may be a result: the row of it that matches best, and each term's share."""

    row: Row
    terms: dict[Term, float]

    @property
    def relevance(self) -> float:
        return sum(self.terms.values())


def search(
    connection: Connection,
    beside: Connection,
    lexical: LexicalIndex,
    familiarity: Familiarity,
    query: str,
    vector_of: VectorOf | None,
    model: str,
    k: int,
    filters: Filters,
    as_of: datetime | None,
    without: Collection[Term],
    tag_weight: float,
) -> Answer:
    """The best `k` memories, each with its reasons. Without `vector_of`, words and what was dreamt answer alone.

    What `beside` is asked may be answered while `connection` is asked something else.
    """
    lexical.catch_up(connection)
    instant = as_of or datetime.now(UTC)
    question = _question(connection, lexical, familiarity, query, vector_of, without)
    asked = _asked(question, model, filters, as_of, "tags" not in without and tag_weight > 0)
    nearest = None if asked.vector is None else candidates.nearest_rows(beside, asked, DENSE_ROWS)
    by_words = _by_words(connection, lexical, question, asked, k)
    rows = candidates.rows(connection, by_words, asked).fetchall()
    if nearest is not None:
        rows += _nearest(connection, nearest, asked)
    found = _scored(rows, question, by_words, tag_weight)
    dreamt_of_found = candidates.dreamt(beside, found, instant)
    own = {item: candidate.relevance for item, candidate in found.items()}
    edges = _edges(connection, own, without)
    known = {item.item_id: item for item in dreamt_of_found}
    reached = _reached(edges, own, known.values())
    dreamt_of_reached = candidates.dreamt(beside, reached, instant)
    whole = _scored(candidates.rows(connection, reached, asked), question, by_words, tag_weight) | found
    known |= {item.item_id: item for item in dreamt_of_reached}
    dreamt = {item: known.get(item) or Dreamt(item) for item in whole}
    _spread(whole, dreamt, edges, without)
    _weigh(whole, dreamt, question, without)
    if "supersession" not in without and not _is_of_the_past(query, filters, as_of):
        _lift_successors(whole, dreamt)
    ranked = sorted(whole.values(), key=lambda candidate: (-candidate.relevance, candidate.row.item_id))
    return Answer(
        query_id=uuid4(),
        query=query,
        results=_results(connection, ranked, dreamt, k),
        method="words" if question.vector is None else "full",
        respelled=question.respelled,
    )


def _question(
    connection: Connection,
    lexical: LexicalIndex,
    familiarity: Familiarity,
    query: str,
    vector_of: VectorOf | None,
    without: Collection[Term],
) -> Question:
    names = named(query, lexical) if "people" not in without else frozenset[str]()
    vector = None
    if vector_of is not None and "dense" not in without:
        vector = vector_of(without_names(query, names))
    guessed = respelled(connection, lexical, query) if "lexical" not in without else {}
    weights = query_terms(query, guessed) if "lexical" not in without else {}
    return Question(
        weights=weights,
        names=names,
        respelled=guessed,
        vector=vector,
        by_chance=chance(lexical, weights),
        familiarity=(0.0, 1.0) if vector is None else familiarity.of(connection, vector, lexical.row_count),
    )


def _scored(
    rows: Iterable[Row], question: Question, by_words: Mapping[Key, float], tag_weight: float
) -> dict[Key, Candidate]:
    """Documents by what they are worth by themselves: that of their best row."""
    found: dict[Key, Candidate] = {}
    for row in rows:
        shares: dict[Term, float] = {}
        if question.weights:
            shares["lexical"] = question.lexical(by_words.get(row.id, 0.0))
        if row.cosine_similarity is not None:
            shares["dense"] = DENSE * question.dense(row.cosine_similarity)
        elif question.vector is not None:
            shares["dense"] = 0.0
        if row.tag_similarity is not None:
            shares["tags"] = tag_weight * DENSE * question.dense(row.tag_similarity)
        candidate = Candidate(row, shares)
        best = found.get(row.item_id)
        if best is None or candidate.relevance > best.relevance:
            found[row.item_id] = candidate
    return found


def _asked(question: Question, model: str, filters: Filters, as_of: datetime | None, with_tags: bool) -> Asked:
    meets, values = condition(filters, as_of)
    return Asked(
        model=model,
        vector=None if question.vector is None else as_parameter(question.vector),
        condition=meets,
        values=values,
        with_people=bool(question.names),
        with_tags=with_tags,
    )


def _by_words(
    connection: Connection, lexical: LexicalIndex, question: Question, asked: Asked, k: int
) -> Mapping[Key, float]:
    """BM25 of the best rows; where there are filters, of as many as it takes to be left with enough."""
    wanted_rows = rows = max(LEXICAL_ROWS, k)
    while True:
        found = {row.bytes: bm25 for row, bm25 in lexical.search(question.weights, rows).items()}
        if not asked.values or len(found) < rows:
            return found
        left = candidates.meeting(connection, found, asked)
        if len(left) >= wanted_rows:
            return {row: found[row] for row in left}
        rows *= WIDENING


def _nearest(connection: Connection, nearest: Iterable[Row], asked: Asked) -> Sequence[Row]:
    rows = list(nearest)
    if len(rows) < DENSE_ROWS and asked.values:
        return candidates.compared_rows(connection, asked, DENSE_ROWS)
    return rows


def _edges(connection: Connection, own: Mapping[Key, float], without: Collection[Term]) -> Edges:
    """Those from the candidates that are worth most by themselves."""
    seeds = nlargest(SEEDS, own, key=lambda item: (own[item], item))
    return {
        edge_type: found
        for edge_type, found in candidates.edges(connection, seeds).items()
        if TERM_OF_EDGES[edge_type] not in without
    }


def _reached(edges: Edges, own: Mapping[Key, float], dreamt: Iterable[Dreamt]) -> Sequence[Key]:
    """The documents beyond the candidates that receive most of them or replace one; the others could not come far."""
    received: defaultdict[Key, float] = defaultdict(float)
    for source, target, weight in chain.from_iterable(edges.values()):
        if target not in own:
            received[target] += weight * max(own[source], 0.0)
    successors = {item.superseded_by for item in dreamt if item.superseded_by and item.superseded_by not in own}
    return list({*nlargest(REACHED, received, key=lambda target: (received[target], target)), *successors})


def _spread(
    found: Mapping[Key, Candidate], dreamt: Mapping[Key, Dreamt], edges: Edges, without: Collection[Term]
) -> None:
    """Adds what each document receives from those it is joined to; all of it from what they are worth by themselves."""
    own = {item: max(candidate.relevance, 0.0) for item, candidate in found.items()}
    asking = {item: candidate.row.asking for item, candidate in found.items()}
    sessions = spread.sessions_of(dreamt.values())

    def along(edge_type: str) -> spread.Activation:
        return spread.along(edges.get(edge_type, ()), own)

    received: Sequence[tuple[Term, float, spread.Activation]] = [
        ("temporal", TEMPORAL, along("temporal")),
        ("temporal", ANSWERING, spread.to_answers(dreamt.values(), asking, own) if "temporal" not in without else {}),
        ("episode", EPISODE, spread.within_sessions(sessions, own) if "episode" not in without else {}),
        ("entity", ENTITY, spread.divided(edges.get("entity", ()), own)),
        ("entity", NAMING, along("mention")),
        ("hebbian", HEBBIAN, along("hebbian")),
        ("semantic", SEMANTIC, spread.among_similar(sessions, edges, own, SEMANTIC_NEIGHBOURS)),
    ]
    for term, weight, activation in received:
        for item, value in activation.items():
            if value and item in found:
                terms = found[item].terms
                terms[term] = terms.get(term, 0.0) + weight * value


def _weigh(
    found: Mapping[Key, Candidate],
    dreamt: Mapping[Key, Dreamt],
    question: Question,
    without: Collection[Term],
) -> None:
    """Adds what depends on the document alone: who takes part, whether it only asks, how well it is remembered."""
    for item, candidate in found.items():
        row, terms = candidate.row, candidate.terms
        if question.names:
            terms["people"] = PEOPLE * _share_named(row.people or "", question.names)
        if "asking" not in without:
            terms["asking"] = -ASKING * row.asking
        if "retrievability" not in without:
            remembered = dreamt[item].retrievability
            terms["retrievability"] = RETRIEVABILITY * (FRESH if remembered is None else remembered)


def _is_of_the_past(query: str, filters: Filters, as_of: datetime | None) -> bool:
    return as_of is not None or filters.created_until is not None or asks_of_the_past(query)


def _lift_successors(found: Mapping[Key, Candidate], dreamt: Mapping[Key, Dreamt]) -> None:
    """Puts what has replaced a memory just above it, through whole chains of replacements."""
    replaced = [(found[item], found[by]) for item in found if (by := dreamt[item].superseded_by) in found and by]
    for _ in replaced:
        behind = [(earlier, later) for earlier, later in replaced if later.relevance <= earlier.relevance]
        for earlier, later in behind:
            lift = max(earlier.relevance - later.relevance, 0.0) + LEAD
            later.terms["supersession"] = later.terms.get("supersession", 0.0) + lift
        if not behind:
            return


def _share_named(people: str, names: frozenset[str]) -> float:
    return len(names & people_names(people)) / len(names)


def _results(
    connection: Connection, ranked: Sequence[Candidate], dreamt: Mapping[Key, Dreamt], k: int
) -> Sequence[Recalled]:
    """The first `k` that are not nearly the same as one before them, whole. What was deleted meanwhile is left out."""
    by_row = {candidate.row.id: candidate for candidate in ranked[: k + SPARE_RESULTS]}
    passages = candidates.passages(connection, list(by_row))
    groups = folded([(row, passages[row]) for row in by_row if row in passages])
    ids = {row: UUID(bytes=row) for row in list(groups)[:k]}
    whole = memoirs(connection, list(ids.values()))
    shown = [(row, row_id) for row, row_id in ids.items() if row_id in whole]
    return [
        Recalled(
            memory=whole[row_id],
            rank=rank,
            relevance=by_row[row].relevance,
            terms=by_row[row].terms,
            cosine_similarity=by_row[row].row.cosine_similarity,
            tag_similarity=by_row[row].row.tag_similarity,
            passage=passages[row],
            passage_id=row_id,
            duplicates=[UUID(bytes=by_row[other].row.item_id) for other in groups[row]],
            superseded_by=_successor(dreamt[by_row[row].row.item_id]),
        )
        for rank, (row, row_id) in enumerate(shown, 1)
    ]


def _successor(dreamt: Dreamt) -> UUID | None:
    return None if dreamt.superseded_by is None else UUID(bytes=dreamt.superseded_by)
