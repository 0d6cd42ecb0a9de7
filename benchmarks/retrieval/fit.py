"""Fits the weights of search's terms on several sets of questions at once, and judges them on each set left out.

What is fitted are factors: a term's shipped weight times its factor is its fitted weight. That of words stays 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from benchmarks.retrieval.measures import JUDGED_BY, MEASURES
from benchmarks.retrieval.sets import Collected, LabelledQuestion
from memories.memory import Memory
from memories.records import TERMS, Term

CANDIDATES = 200
SHOWN = 14

FITTED: Sequence[Term] = [term for term in TERMS if term not in ("tags", "supersession")]
PARTS: Sequence[Mapping[Term, float]] = [{"lexical": 1.0}, {"dense": 1.0}, {"lexical": 1.0, "dense": 0.36}]
STEPS = (0.0, 0.25, 0.5, 0.7, 0.85, 1.15, 1.4, 2.0)
PASSES = 3
# A set on which the whole is below the best of its parts costs this much more than the average gains.
PENALTY = 2.0
Weights = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found for a question: each result's documents, and its terms (results, fitted terms)."""

    question: LabelledQuestion
    documents: Sequence[Sequence[str]]
    shares: NDArray[numpy.float64]

    def ranking(self, weights: Weights) -> list[str]:
        best = numpy.argsort(-(self.shares @ weights), kind="stable")[:SHOWN]
        return [document for place in best for document in self.documents[place]]


def found(memory: Memory, collected: Collected) -> Iterator[Found]:
    by_id = {document.id: document.native_id for document in collected.documents}
    for question in collected.questions:
        results = memory.search(question.text, CANDIDATES, without=["supersession"], record=False).results
        yield Found(
            question,
            [[by_id[each] for each in (result.memory.id, *result.duplicates)] for result in results],
            numpy.array([[result.terms.get(term, 0.0) for term in FITTED] for result in results]).reshape(
                -1, len(FITTED)
            ),
        )


def measured(answers: Sequence[Found], weights: Weights) -> NDArray[numpy.float64]:
    """The means of the measures that the fit is judged by."""
    rankings = [(each.ranking(weights), each.question) for each in answers]
    return numpy.array([numpy.mean([MEASURES[name](*ranked) for ranked in rankings]) for name in JUDGED_BY])


def floor(answers: Sequence[Found]) -> NDArray[numpy.float64]:
    """The best of the parts: words, meaning, their sum."""
    parts = [numpy.array([part.get(term, 0.0) for term in FITTED]) for part in PARTS]
    return numpy.max([measured(answers, part) for part in parts], axis=0)


def fit(sets: Mapping[str, Sequence[Found]]) -> Weights:
    """Climbs one factor after the other, from 1 each."""
    floors = {name: floor(answers) for name, answers in sets.items()}

    def value(weights: Weights) -> float:
        gained = [measured(answers, weights) for answers in sets.values()]
        missing = [numpy.maximum(0, least - one) for least, one in zip(floors.values(), gained, strict=True)]
        return float(numpy.mean(gained) - PENALTY * numpy.mean(missing))

    weights = numpy.ones(len(FITTED))
    best = value(weights)
    for _ in range(PASSES):
        before = best
        for place in range(len(FITTED)):
            if FITTED[place] == "lexical":
                continue
            for step in STEPS:
                tried = weights.copy()
                tried[place] = step * (weights[place] or 1.0)
                if (reached := value(tried)) > best + 1e-4:
                    best, weights = reached, tried
        if best == before:
            break
    return weights


def report(sets: Mapping[str, Sequence[Found]]) -> None:
    """Prints the factors that suit all sets, and for each set the measures with those of the others."""
    whole = fit(sets)
    print("factors", {term: round(float(factor), 2) for term, factor in zip(FITTED, whole, strict=True)})
    print(f"{'set':>10} {'':>10} {' '.join(f'{name:>8}' for name in JUDGED_BY)}")
    for name, answers in sets.items():
        others = {other: each for other, each in sets.items() if other != name}
        rows = {
            "best part": floor(answers),
            "shipped": measured(answers, numpy.ones(len(FITTED))),
            "fitted": measured(answers, whole),
            **({"left out": measured(answers, fit(others))} if others else {}),
        }
        for kind, values in rows.items():
            print(f"{name:>10} {kind:>10} {' '.join(f'{value:>8.3f}' for value in values)}", flush=True)
