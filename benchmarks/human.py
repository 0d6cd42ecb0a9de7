"""Compares the shipped SQL with published data of human memory: each row is met or missed.

    make bench-human                                  # variables: DREAMS_EVAL_DATA=folder OUTPUT=build/human
    make bench-human FINDINGS="forgetting spacing"    # some of the findings only

It runs the macros and models of biological_memory in DuckDB on the data, and fits other models of memory to the same
data. The data is not part of the project: a finding whose data is absent is skipped. Each row is also printed as JSON,
and each data set with its curves goes to OUTPUT as PNG and HTML.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.human_memory import capacity, forgetting, free_recall, plot, replay, reviews, spacing
from benchmarks.human_memory.result import Comparison, Figure, data_file
from benchmarks.variables import chosen

DATA = Path(os.environ.get("DREAMS_EVAL_DATA") or ROOT.parent / "shared" / "data")
OUTPUT = Path(os.environ.get("OUTPUT") or ROOT / "build" / "human")


def capacity_of_talk() -> Comparison:
    """Compares capacity on vectors by the default embedder."""
    conversations = capacity.read(data_file(DATA / "retrieval", "locomo*.json"))
    from sidecar.embedders.all_minilm import AllMiniLM

    embedder = AllMiniLM()
    return capacity.compare([embedder.encode(turns) for turns in conversations])


FINDINGS: Mapping[str, Callable[[], Comparison]] = {
    "forgetting": lambda: forgetting.compare(DATA / "human_memory"),
    "spacing": lambda: spacing.compare(DATA / "human_memory"),
    "reviews": lambda: reviews.compare(DATA / "human_memory"),
    "free-recall": lambda: free_recall.compare(DATA / "human_memory"),
    "capacity": capacity_of_talk,
    "replay": lambda: replay.compare(DATA / "human_memory"),
}


def shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4f}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"


def verdict(figure: Figure) -> str:
    return "" if figure.met is None else "met" if figure.met else "missed"


def line(figure: Figure) -> str:
    beside = "; ".join(f"{name} {shown(value)}" for name, value in figure.beside.items())
    return (
        f"{verdict(figure):<7}{figure.finding:<14}{figure.measure:<84}{shown(figure.value):>16}"
        f"  {figure.gate:<30}{beside}"
    ).rstrip()


def as_json(figure: Figure) -> str:
    return json.dumps(
        {
            "set": figure.finding,
            "measure": figure.measure,
            "figure": figure.value,
            "gate": figure.gate,
            "verdict": verdict(figure),
            "beside": dict(figure.beside),
        }
    )


def main() -> None:
    wanted = chosen("FINDINGS", FINDINGS)
    head = f"{'':<7}{'finding':<14}{'measure':<84}{'figure':>16}  {'gate':<30}beside"
    print(head)
    figures, charts = [], []
    for name in wanted:
        try:
            found, drawn = FINDINGS[name]()
        except FileNotFoundError as missing:
            print(f"skipped {name}: {missing.filename} is not there (set DREAMS_EVAL_DATA)")
            continue
        for figure in found:
            print(line(figure), flush=True)
        figures += found
        charts += drawn
    for figure in figures:
        print(as_json(figure))
    if charts:
        plot.save(charts, OUTPUT, "\n".join([head, *map(line, figures)]))
        print(f"charts: {OUTPUT / 'index.html'}")


if __name__ == "__main__":
    main()
