"""Measures whether a search knows that it found nothing: its confidence on questions about this life or another.

    make bench-confidence                        # every set of the evaluation data
    make bench-confidence FIT=1                  # fits the model instead, and judges it on each set left out
    make bench-confidence SETS="locomo pepys" WORDS=1

Each set is asked its own questions and as many about the other conversations and sets; WORDS=1 asks without a model.
KEEP=folder shares its stores with `make bench-recall`. Prints how well confidence tells answered from unanswered
questions and own from foreign ones (areas under the curve), the expected calibration error, and the shares of own and
foreign questions of which it says that nothing sure was found. No model judges.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy

from benchmarks.retrieval import stores
from benchmarks.retrieval.calibration import (
    Floats,
    Judged,
    calibration_error,
    fit,
    foreign,
    probabilities,
    ranking_quality,
)
from benchmarks.retrieval.sets import Collected, LabelledQuestion
from memories.embedding.embedder import Embedder
from memories.memory import Memory
from memories.recall.confidence import FIRST, WITH_VECTOR, WORDS_ALONE, Logistic
from memories.records import LEAST_SURE

WORDS = bool(os.environ.get("WORDS"))


def judged(memory: Memory, collected: Collected, others: Sequence[LabelledQuestion]) -> Iterator[Judged]:
    by_id = {document.id: document.native_id for document in collected.documents}
    for question in [*collected.questions, *others]:
        is_own = question in collected.questions
        answer = memory.search(question.text, words_only=WORDS, record=False)
        found = {by_id[each] for result in answer.results[:FIRST] for each in (result.memory.id, *result.duplicates)}
        if answer.signs is not None:
            yield Judged(answer.signs, is_own and bool(found & question.evidence), is_own)


def row(name: str, kind: str, found: Floats, asked: Sequence[Judged]) -> None:
    own = numpy.array([each.is_own for each in asked])
    answered = numpy.array([each.is_answered for each in asked])
    line = {
        "set": name,
        "model": kind,
        "questions": len(asked),
        "answered AUC": round(ranking_quality(found, answered), 3),
        "own AUC": round(ranking_quality(found, own), 3),
        "calibration error": round(calibration_error(found, asked), 3),
        "own unsure": round(float((found[own] < LEAST_SURE).mean()), 3),
        "foreign unsure": round(float((found[~own] < LEAST_SURE).mean()), 3) if not own.all() else None,
    }
    print(json.dumps(line), flush=True)


def report(sets: Mapping[str, Sequence[Judged]]) -> None:
    shipped = WORDS_ALONE if WORDS else WITH_VECTOR
    for name, asked in sets.items():
        row(name, "shipped", probabilities(shipped, asked), asked)
    everything = [each for asked in sets.values() for each in asked]
    row("all", "shipped", probabilities(shipped, everything), everything)


def report_fit(sets: Mapping[str, Sequence[Judged]]) -> None:
    whole: Logistic = fit(sets)
    print(whole)
    left_out = []
    for name, asked in sets.items():
        others = {other: each for other, each in sets.items() if other != name}
        found = probabilities(fit(others) if others else whole, asked)
        row(name, "left out", found, asked)
        left_out.append(found)
    row("all", "left out", numpy.concatenate(left_out), [each for asked in sets.values() for each in asked])
    own = numpy.concatenate([probabilities(whole, [each for each in asked if each.is_own]) for asked in sets.values()])
    print(json.dumps({"a tenth of the own questions are below": round(float(numpy.quantile(own, 0.1)), 3)}))


def main() -> None:
    sets = stores.sets()
    embed = stores.remembered(Embedder())
    asked: dict[str, list[Judged]] = {name: [] for name in sets}
    for name, collections in sets.items():
        for collected in collections:
            with Memory(stores.dreamt(collected), embed=embed) as memory:
                asked[name] += judged(memory, collected, foreign(sets, collected))
    (report_fit if os.environ.get("FIT") else report)(asked)
    stores.stop()


if __name__ == "__main__":
    main()
