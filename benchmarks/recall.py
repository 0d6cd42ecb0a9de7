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
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DATA = Path(os.environ.get("DREAMS_EVAL_DATA", ROOT.parent / "shared" / "data"))
HOME = Path(os.environ.get("KEEP") or tempfile.mkdtemp(prefix="dreams-bench-"))
os.environ["DREAMS_HOME"] = str(HOME)
for name in ("POSTGRES_DB_URL", "DUCKDB_PATH", "EMBEDDING_MODEL", "ANNOTATION_MODEL"):
    os.environ.pop(name, None)

import psycopg

import ingest.settings
import memories.settings
from benchmarks.retrieval import fit
from benchmarks.retrieval.measures import MEASURES, interval, recall_at
from benchmarks.retrieval.sets import Collected, LabelledQuestion, cranfield, hotpotqa, locomo, pepys
from benchmarks.variables import chosen
from ingest.cycle.run import run_cycle
from ingest.loading.load import load
from memories.embedding.vectors import Vectors
from memories.memory import Memory
from memories.postgres import database
from memories.postgres.migrate import migrate
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


def dreamt(collected: Collected) -> str:
    """The connection string of the collection's store, after a cycle; a store that was kept runs no other."""
    name = "recall_" + sha256(repr(collected.documents).encode()).hexdigest()[:16]
    server = database.start(memories.settings.StoreSettings())
    url = server.replace("/dreams?", f"/{name}?")
    os.environ.update(POSTGRES_DB_URL=url, DUCKDB_PATH=str(HOME / f"{name}.duckdb"))
    memories.settings.settings.cache_clear()
    ingest.settings.settings.cache_clear()
    with psycopg.connect(server, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
            connection.execute(f"create database {name}")
    migrate(url)
    with database.connect(url, autocommit=True) as connection:
        load(connection, collected.documents)
        published = connection.execute("select 1 from dreams.cycles where state = 'published'").fetchone()
    if published is None:
        run_cycle()
    return url


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


def methods() -> Mapping[str, Collection[Term]]:
    every = {"full": [], **BASELINES, **{f"without-{term}": [term] for term in ABLATED}}
    return {name: every[name] for name in chosen("METHODS", every)}


def remembered(memory_embed: Callable[[Sequence[str]], Vectors]) -> Callable[[Sequence[str]], Vectors]:
    """Caches vectors, as each question is asked with many methods."""
    import numpy

    known: dict[str, Vectors] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, memory_embed(missing), strict=True))
        return numpy.stack([known[text] for text in texts])

    return embed


def run(name: str, collections: Sequence[Collected]) -> None:
    """Runs every method on a set; several collections count as one set of questions."""
    from memories.embedding.embedder import Embedder

    compared, asked = methods(), [question for collected in collections for question in collected.questions]
    ranked: dict[str, list[list[str]]] = {method: [] for method in compared}
    embed = remembered(Embedder())
    for collected in collections:
        with Memory(dreamt(collected), embed=embed) as memory:
            for method, without in compared.items():
                ranked[method] += rankings(memory, collected, without)
    if {"bm25", "dense"} <= ranked.keys():
        ranked["rank fusion"] = fused(ranked["bm25"], ranked["dense"])
    for method, found in ranked.items():
        report(name, method, found, asked)


def fitted(sets: Mapping[str, Sequence[Collected]]) -> None:
    """Fits the weights on these sets, and prints what they give."""
    from memories.embedding.embedder import Embedder

    embed = remembered(Embedder())
    answers: dict[str, list[fit.Found]] = {name: [] for name in sets}
    for name, collections in sets.items():
        for collected in collections:
            with Memory(dreamt(collected), embed=embed) as memory:
                answers[name] += fit.found(memory, collected)
    fit.report(answers)


def main() -> None:
    conversations = DATA / "retrieval"
    file = Path(os.environ.get("LOCOMO") or conversations / "locomo_dev5.json")
    sets: Mapping[str, Callable[[], Iterator[Collected]]] = {
        "locomo": lambda: locomo(file),
        "realtalk": lambda: locomo(conversations / "realtalk_dev5.json"),
        "beam": lambda: locomo(conversations / "beam_dev10.json"),
        "pepys": lambda: pepys(DATA / "lives"),
        "musique": lambda: hotpotqa(conversations / "musique", "musique"),
        "hotpotqa": lambda: hotpotqa(conversations),
        "cisi": lambda: cranfield(conversations / "cisi", "cisi"),
        "cranfield": lambda: cranfield(conversations),
    }
    wanted = chosen("SETS", sets)
    methods()
    collected: dict[str, Sequence[Collected]] = {}
    for name in wanted:
        try:
            collected[name] = list(sets[name]())
        except FileNotFoundError as missing:
            print(f"{name:>10} skipped: {missing.filename} is not there (set DREAMS_EVAL_DATA, or LOCOMO)")
    if os.environ.get("FIT"):
        fitted(collected)
    else:
        print(f"{'set':>10} {'method':>18} {' '.join(f'{measure:>8}' for measure in MEASURES)} {'hop R@10':>10}")
        for name, collections in collected.items():
            run(name, collections)
    os.environ.pop("POSTGRES_DB_URL", None)
    database.stop(memories.settings.StoreSettings())


if __name__ == "__main__":
    main()
