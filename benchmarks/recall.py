"""Measures how well search finds what answers a question, against BM25, dense and rank fusion, and without each term.

    make bench-recall                          # every set of the evaluation data
    make bench-recall LOCOMO=locomo10.json     # any file in LoCoMo's form
    make bench-recall SETS=cranfield METHODS="full bm25"
    make bench-recall FIT=1                    # fits the weights of the terms instead, and judges them on sets left out

Each conversation or collection is a separate store: ingested, embedded, run through one cycle, searched. The data is
not part of the project: its folder is DREAMS_EVAL_DATA (../shared/data by default). KEEP=folder keeps the stores there.
No model judges: a result counts when it is a turn, passage or abstract that the data names as evidence.
"""

import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.retrieval import fit, stores
from benchmarks.retrieval.measures import JUDGED_BY, MEASURES, interval, recall_at
from benchmarks.retrieval.sets import Collected, LabelledQuestion
from benchmarks.variables import chosen
from memories.embedding.embedder import Embedder
from memories.memory import Memory
from memories.records import TERMS, Term

DEPTH = 50
MULTI_HOP = 1
FUSION_CONSTANT = 60
ABLATED: Sequence[Term] = [term for term in TERMS if term != "tags"]
BASELINES: Mapping[str, Collection[Term]] = {
    "bm25": [term for term in TERMS if term != "lexical"],
    "dense": [term for term in TERMS if term != "dense"],
    "z-sum": [term for term in TERMS if term not in ("lexical", "dense")],
}
# What the whole has to be better than, by a bootstrap over pairs of the same question.
PARTS = ("bm25", "dense", "z-sum", "rank fusion")


def rankings(memory: Memory, collected: Collected, without: Collection[Term]) -> list[list[str]]:
    """The native ids of the documents that search finds for each question, best first."""
    by_id = {document.id: document.native_id for document in collected.documents}
    return [
        [
            by_id[found]
            for result in memory.search(question.text, DEPTH, without=without, record=False).results
            for found in (result.memory.id, *result.duplicates)
        ][:DEPTH]
        for question in collected.questions
    ]


def fused(*ranked: Sequence[Sequence[str]]) -> list[list[str]]:
    """Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009) of rankings of the same questions."""
    together = []
    for several in zip(*ranked, strict=True):
        shares: dict[str, float] = {}
        for ranking in several:
            for rank, document in enumerate(ranking, 1):
                shares[document] = shares.get(document, 0.0) + 1 / (FUSION_CONSTANT + rank)
        together.append(sorted(shares, key=lambda document: -shares[document])[:DEPTH])
    return together


def report(name: str, method: str, ranked: Sequence[Sequence[str]], asked: Sequence[LabelledQuestion]) -> None:
    """Prints a row of the table, and the same as JSON with the intervals."""
    values = {
        measure: [take(found, question) for found, question in zip(ranked, asked, strict=True)]
        for measure, take in MEASURES.items()
    }
    hops = [
        recall_at(10)(found, question)
        for found, question in zip(ranked, asked, strict=True)
        if question.category == MULTI_HOP
    ]
    means = {measure: sum(found) / len(found) for measure, found in values.items()}
    line: dict[str, object] = {"set": name, "method": method, "questions": len(asked)}
    line |= {measure: round(mean, 4) for measure, mean in means.items()}
    if hops:
        line["multi-hop R@10"] = round(sum(hops) / len(hops), 4)
    shown = " ".join(f"{mean:>8.3f}" for mean in means.values())
    print(f"{name:>10} {method:>18} {shown} {(sum(hops) / len(hops) if hops else float('nan')):>10.3f}")
    line["95%"] = {measure: [round(end, 4) for end in interval(found)] for measure, found in values.items()}
    print(json.dumps(line), flush=True)


def compare(
    name: str,
    part: str,
    full: Sequence[Sequence[str]],
    alone: Sequence[Sequence[str]],
    asked: Sequence[LabelledQuestion],
) -> None:
    """Prints how much more the whole finds than one of its parts, question by question."""
    line: dict[str, object] = {"set": name, "full minus": part}
    for measure in JUDGED_BY:
        take = MEASURES[measure]
        gained = [
            take(whole, question) - take(found, question)
            for whole, found, question in zip(full, alone, asked, strict=True)
        ]
        low, high = interval(gained)
        line[measure] = {"mean": round(sum(gained) / len(gained), 4), "95%": [round(low, 4), round(high, 4)]}
    print(json.dumps(line), flush=True)


def methods() -> Mapping[str, Collection[Term]]:
    every = {"full": [], **BASELINES, **{f"without-{term}": [term] for term in ABLATED}}
    return {name: every[name] for name in chosen("METHODS", every)}


def run(name: str, collections: Sequence[Collected]) -> None:
    """Runs every method on a set; several collections count as one set of questions."""
    compared, asked = methods(), [question for collected in collections for question in collected.questions]
    ranked: dict[str, list[list[str]]] = {method: [] for method in compared}
    embed = stores.remembered(Embedder())
    for collected in collections:
        with Memory(stores.dreamt(collected), embed=embed) as memory:
            for method, without in compared.items():
                ranked[method] += rankings(memory, collected, without)
    if {"bm25", "dense"} <= ranked.keys():
        ranked["rank fusion"] = fused(ranked["bm25"], ranked["dense"])
    for method, found in ranked.items():
        report(name, method, found, asked)
    for part in PARTS:
        if {"full", part} <= ranked.keys():
            compare(name, part, ranked["full"], ranked[part], asked)


def fitted(sets: Mapping[str, Sequence[Collected]]) -> None:
    """Fits the weights on these sets, and prints what they give."""
    embed = stores.remembered(Embedder())
    answers: dict[str, list[fit.Found]] = {name: [] for name in sets}
    for name, collections in sets.items():
        for collected in collections:
            with Memory(stores.dreamt(collected), embed=embed) as memory:
                answers[name] += fit.found(memory, collected)
    fit.report(answers)


def main() -> None:
    methods()
    sets = stores.sets()
    if os.environ.get("FIT"):
        fitted(sets)
    else:
        print(f"{'set':>10} {'method':>18} {' '.join(f'{measure:>8}' for measure in MEASURES)} {'hop R@10':>10}")
        for name, collections in sets.items():
            run(name, collections)
    stores.stop()


if __name__ == "__main__":
    main()
