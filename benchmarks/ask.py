"""Measures what `dreams ask` answers: how often it answers, whether it cites what the data names, and when it refuses.

    make bench-ask                          # every set of the evaluation data
    make bench-ask SETS="locomo pepys"

Each set is asked its own questions and as many about another life (as `make bench-confidence` asks them; KEEP=folder
shares its stores). Printed beside the floor: citing the first result of every search. No model writes or judges.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy

from benchmarks.retrieval import stores
from benchmarks.retrieval.calibration import foreign
from benchmarks.retrieval.sets import Collected, LabelledQuestion
from memories.embedding.embedder import Embedder
from memories.evidence.asking import ask
from memories.memory import Memory


@dataclass(slots=True)
class Figures:
    """Of own questions: the precision of the citations of those answered, and of the first result of every search."""

    own: int = 0
    foreign: int = 0
    refused_own: int = 0
    refused_foreign: int = 0
    precisions: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


def add(figures: Figures, memory: Memory, collected: Collected, others: Sequence[LabelledQuestion]) -> None:
    by_id = {document.id: document.native_id for document in collected.documents}
    for question in [*collected.questions, *others]:
        begun = perf_counter()
        reply = ask(memory, question.text, record=False)
        figures.milliseconds.append((perf_counter() - begun) * 1000)
        if question in others:
            figures.foreign += 1
            figures.refused_foreign += not reply.is_answered
            continue
        figures.own += 1
        figures.refused_own += not reply.is_answered
        cited = {by_id[quote.memory_id] for quote in reply.quotes}
        if cited:
            figures.precisions.append(len(cited & question.evidence) / len(cited))
        results = memory.search(question.text, 1, record=False).results
        figures.first.append(float(by_id[results[0].memory.id] in question.evidence))


def main() -> None:
    sets = stores.sets()
    embed = stores.remembered(Embedder())
    for name, collections in sets.items():
        figures = Figures()
        for collected in collections:
            with Memory(stores.dreamt(collected), embed=embed) as memory:
                add(figures, memory, collected, foreign(sets, collected))
        line = {
            "set": name,
            "questions": figures.own,
            "answered": round(1 - figures.refused_own / figures.own, 3),
            "citation precision": round(float(numpy.mean(figures.precisions or [0])), 3),
            "floor: first result": round(float(numpy.mean(figures.first or [0])), 3),
            "foreign refused": round(figures.refused_foreign / max(figures.foreign, 1), 3),
            "p50 ms": round(float(numpy.median(figures.milliseconds or [0])), 1),
        }
        print(json.dumps(line), flush=True)
    stores.stop()


if __name__ == "__main__":
    main()
