"""Searches the store: finds the memories that answer a query, ranks them, and says why.

Candidates come from words (BM25) and from meaning (nearest vectors). The sum of their standardised scores is a
memory's own relevance; activation spreads from it along what the dream cycles computed: neighbours in time, session,
entities, meaning, co-activation. Each term of the relevance is named. docs/biology.md has the equations.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from itertools import chain
from uuid import UUID, uuid4

from memories.documents.memoir import memoirs
from memories.embedding.vectors import as_parameter
from memories.lexical.index import LexicalIndex
from memories.postgres.database import Connection
from memories.recall import candidates, spread
from memories.recall.candidates import (
    Asked,
    CandidateRow,
    Dreamt,
    Edges,
    Key,
)
from memories.recall.confidence import confidence, signs
from memories.recall.duplicates import folded
from memories.recall.filters import condition
from memories.recall.query import asks_of_the_past, people_names
from memories.recall.question import Question, Request, Sources, VectorOf, prepared
from memories.records import Answer, Recalled, Term

# Candidates by words (or as many as the results wanted, if more), by meaning, and those from which activation spreads.
LEXICAL_ROWS = 80
DENSE_ROWS = 60
PERIOD_ROWS = 30
SEEDS = 20
# The most documents beyond the candidates that activation brings in.
REACHED = 60
# With filters, the search by words reads this many times more rows until enough pass.
WIDENING = 10
# Extra results, read to replace near-duplicates.
SPARE_RESULTS = 10

# The weight of each term, fitted on eight sets of questions at once; docs/decisions/0019 says how.
LEXICAL = 0.36
DENSE = 1.6
PEOPLE = 2.65
ASKING = 4.1
ASSISTANT = 4.0
TIME = 4.0
TEMPORAL = 0.02
ANSWERING = 0.46
EPISODE = 0.3
ENTITY = 0.17
NAMING = 0.35
SEMANTIC = 0.23
HEBBIAN = 0.1
RETRIEVABILITY = 0.1
# How far a memory ranks above the one it superseded, and the largest lift for that.
LEAD = 0.01
MOST_LIFT = 4.0
SEMANTIC_NEIGHBOURS = 3
TERM_OF_EDGES: Mapping[str, Term] = {
    "temporal": "temporal",
    "entity": "entity",
    "mention": "entity",
    "hebbian": "hebbian",
    "semantic": "semantic",
}
# Retrievability of a memory that no cycle has covered yet.
FRESH = 1.0


@dataclass(slots=True)
class Candidate:
    """A document that may be a result: its best matching row, and the value of each term."""

    row: CandidateRow
    terms: dict[Term, float]

    @property
    def relevance(self) -> float:
        return sum(self.terms.values())

    @property
    def match(self) -> float:
        """How well it matches by itself, which is the activation that it passes on: words count in full here."""
        own = self.terms
        return own.get("lexical", 0.0) / LEXICAL + own.get("dense", 0.0) + own.get("tags", 0.0)


def search(request: Request, sources: Sources, model: str, vector_of: VectorOf | None) -> Answer:
    """The best memories, each with its reasons. Without `vector_of`, uses only words and what cycles computed."""
    connection, beside, lexical = sources.connection, sources.beside, sources.lexical
    without, tag_weight = request.without, request.tag_weight
    lexical.catch_up(connection)
    instant = request.as_of or datetime.now(UTC)
    question = prepared(request, sources, vector_of, instant)
    asked = _asked(request, question, model)
    nearest = None if asked.vector is None else candidates.nearest_rows(beside, asked, DENSE_ROWS)
    by_words = _by_words(connection, lexical, question, asked, request.k)
    rows = candidates.rows(connection, by_words, asked).fetchall()
    if nearest is not None:
        rows += _nearest(connection, nearest, asked)
    for period in question.periods:
        dates = period.latest(instant)
        rows += candidates.rows_of_period(connection, asked, dates.start, dates.end, PERIOD_ROWS).fetchall()
    found = _scored(rows, question, by_words, tag_weight)
    dreamt_of_found = candidates.dreamt(beside, found, instant)
    own = {item: candidate.match for item, candidate in found.items()}
    edges = _edges(connection, own, without)
    known = {item.item_id: item for item in dreamt_of_found}
    reached = _reached(edges, own, known.values())
    dreamt_of_reached = candidates.dreamt(beside, reached, instant)
    whole = _scored(candidates.rows(connection, reached, asked), question, by_words, tag_weight) | found
    known |= {item.item_id: item for item in dreamt_of_reached}
    dreamt = {item: known.get(item) or Dreamt(item) for item in whole}
    _spread(whole, dreamt, edges, without)
    _weigh(whole, dreamt, question, without)
    if "supersession" not in without and not _is_of_the_past(request):
        _lift_successors(whole, dreamt)
    ranked = sorted(whole.values(), key=lambda candidate: (-candidate.relevance, candidate.row.item_id))
    results = _results(connection, ranked, dreamt, asked, request.k)
    found_signs = signs(question.words, results, lexical)
    return Answer(
        query_id=uuid4(),
        query=request.query,
        results=results,
        confidence=0.0 if found_signs is None else confidence(found_signs),
        signs=found_signs,
        method="words" if question.vector is None else "full",
        respelled=question.respelled,
    )


def _scored(
    rows: Iterable[CandidateRow], question: Question, by_words: Mapping[Key, float], tag_weight: float
) -> dict[Key, Candidate]:
    """The candidates by document id, each with its most relevant row, before spreading."""
    found: dict[Key, Candidate] = {}
    for row in rows:
        shares: dict[Term, float] = {}
        if question.weights:
            shares["lexical"] = LEXICAL * question.lexical(by_words.get(row.id, 0.0))
        if row.cosine_similarity is not None:
            shares["dense"] = DENSE * question.dense(row.cosine_similarity)
        elif question.vector is not None:
            shares["dense"] = 0.0
        if row.tag_similarity is not None:
            shares["tags"] = tag_weight * DENSE * question.dense(row.tag_similarity)
        candidate = Candidate(row, shares)
        best = found.get(row.item_id)
        if best is None or candidate.match > best.match:
            found[row.item_id] = candidate
    return found


def _asked(request: Request, question: Question, model: str) -> Asked:
    meets, values = condition(request.filters, request.as_of)
    return Asked(
        model=model,
        vector=None if question.vector is None else as_parameter(question.vector),
        condition=meets,
        values=values,
        with_people=bool(question.names),
        with_tags="tags" not in request.without and request.tag_weight > 0,
        with_dates=bool(question.periods),
    )


def _by_words(
    connection: Connection, lexical: LexicalIndex, question: Question, asked: Asked, k: int
) -> Mapping[Key, float]:
    """BM25 of the best rows, by id; with filters, reads more until enough rows pass."""
    wanted_rows = rows = max(LEXICAL_ROWS, k)
    while True:
        found = {row.bytes: bm25 for row, bm25 in lexical.search(question.weights, rows).items()}
        if not asked.values or len(found) < rows:
            return found
        left = candidates.meeting(connection, found, asked)
        if len(left) >= wanted_rows:
            return {row: found[row] for row in left}
        rows *= WIDENING


def _nearest(connection: Connection, nearest: Iterable[CandidateRow], asked: Asked) -> Sequence[CandidateRow]:
    rows = list(nearest)
    if len(rows) < DENSE_ROWS and asked.values:
        return candidates.compared_rows(connection, asked, DENSE_ROWS)
    return rows


def _edges(connection: Connection, own: Mapping[Key, float], without: Collection[Term]) -> Edges:
    """The edges from the `SEEDS` most relevant candidates, except those of terms switched off."""
    seeds = nlargest(SEEDS, own, key=lambda item: (own[item], item))
    return {
        edge_type: found
        for edge_type, found in candidates.edges(connection, seeds).items()
        if TERM_OF_EDGES[edge_type] not in without
    }


def _reached(edges: Edges, own: Mapping[Key, float], dreamt: Iterable[Dreamt]) -> Sequence[Key]:
    """The documents beyond the candidates that receive most activation from them, or that supersede one of them."""
    received: defaultdict[Key, float] = defaultdict(float)
    for source, target, weight in chain.from_iterable(edges.values()):
        if target not in own:
            received[target] += weight * max(own[source], 0.0)
    successors = {item.superseded_by for item in dreamt if item.superseded_by and item.superseded_by not in own}
    return list({*nlargest(REACHED, received, key=lambda target: (received[target], target)), *successors})


def _spread(
    found: Mapping[Key, Candidate], dreamt: Mapping[Key, Dreamt], edges: Edges, without: Collection[Term]
) -> None:
    """Adds the activation each document receives from its neighbours, in one step from their own relevance."""
    own = {item: max(candidate.match, 0.0) for item, candidate in found.items()}
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
    """Adds the terms of the document alone: who takes part, when, whether it only asks, how well it is remembered."""
    for item, candidate in found.items():
        row, terms = candidate.row, candidate.terms
        if question.names:
            terms["people"] = PEOPLE * _share_named(row.people or "", question.names)
        if "asking" not in without:
            terms["asking"] = -ASKING * row.asking
        if row.is_by_assistant and "assistant" not in without:
            terms["assistant"] = -ASSISTANT
        if question.periods and row.created_at is not None:
            created_at = row.created_at
            terms["time"] = TIME * max(period.closeness(created_at) for period in question.periods)
        if "retrievability" not in without:
            remembered = dreamt[item].retrievability
            terms["retrievability"] = RETRIEVABILITY * (FRESH if remembered is None else remembered)


def _is_of_the_past(request: Request) -> bool:
    return request.as_of is not None or request.filters.created_until is not None or asks_of_the_past(request.query)


def _lift_successors(found: Mapping[Key, Candidate], dreamt: Mapping[Key, Dreamt]) -> None:
    """Lifts each successor just above the memory it replaced, through whole chains of replacements.

    A successor that matches the query far less than what it replaced is about something else, and stays where it is.
    """
    replaced = [(found[item], found[by]) for item in found if (by := dreamt[item].superseded_by) in found and by]
    for _ in replaced:
        lifts = [(later, earlier.relevance - later.relevance + LEAD) for earlier, later in replaced]
        behind = [(later, lift) for later, lift in lifts if LEAD <= lift <= MOST_LIFT]
        for later, lift in behind:
            later.terms["supersession"] = later.terms.get("supersession", 0.0) + lift
        if not behind:
            return


def _share_named(people: str, names: frozenset[str]) -> float:
    return len(names & people_names(people)) / len(names)


def _results(
    connection: Connection, ranked: Sequence[Candidate], dreamt: Mapping[Key, Dreamt], asked: Asked, k: int
) -> Sequence[Recalled]:
    """The first `k` memories, whole, with near-duplicates folded; memories deleted meanwhile are left out."""
    by_row = {candidate.row.id: candidate for candidate in ranked[: k + SPARE_RESULTS]}
    contents = candidates.contents(connection, list(by_row), asked)
    groups = folded([(row, contents[row].text) for row in by_row if row in contents])
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
            passage=contents[row].text,
            passage_id=row_id,
            excerpt=contents[row].excerpt,
            duplicates=[UUID(bytes=by_row[other].row.item_id) for other in groups[row]],
            superseded_by=_successor(dreamt[by_row[row].row.item_id]),
        )
        for rank, (row, row_id) in enumerate(shown, 1)
    ]


def _successor(dreamt: Dreamt) -> UUID | None:
    return None if dreamt.superseded_by is None else UUID(bytes=dreamt.superseded_by)
