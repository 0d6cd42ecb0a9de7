"""Makes similarity and BM25 comparable: the mean and deviation of each over memories unrelated to the query.

Both baselines assume a background of a thousand memories, so that a store ten times as large ranks as before:
similarities use a sample of vectors, BM25 what the query's terms give by chance.
"""

from collections.abc import Mapping
from math import sqrt
from threading import Lock

import numpy
from numpy.typing import NDArray

from memories.lexical.bm25 import rarity
from memories.lexical.index import LexicalIndex
from memories.postgres.database import Connection

SAMPLE_MEMORIES = 1_000
GROWTH_BEFORE_SAMPLING = 1.25
# The prior for a small store: it counts as PRIOR_MEMORIES similarities of this mean and deviation.
PRIOR_MEMORIES = 10
PRIOR_MEAN = 0.1
PRIOR_DEVIATION = 0.1

# Ids are random, so the first ones are a fair sample.
SAMPLE = """
select coalesce(
    (
        select p.embedding::real[] from dreams.passages as p
        where p.memory_id = m.id and p.embedding_model = m.embedding_model order by p.number limit 1
    ),
    m.embedding_vector::real[]
)
from public.memories as m
where m.embedding_vector is not null and m.embedding_model = %s order by m.id limit %s
"""


class Familiarity:
    """Estimates how similar a query is to memories that are not about it. Thread-safe."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._lock = Lock()
        self._sample: NDArray[numpy.float32] = numpy.zeros((0, 0), dtype=numpy.float32)
        self._sampled_at_rows = -1

    def of(self, connection: Connection, vector: NDArray[numpy.float32], row_count: int) -> tuple[float, float]:
        """Mean and standard deviation of the sample's similarities to a vector, with the prior."""
        with self._lock:
            if not self._sampled_at_rows <= row_count <= self._sampled_at_rows * GROWTH_BEFORE_SAMPLING:
                rows = connection.execute(SAMPLE, (self._model, SAMPLE_MEMORIES)).fetchall()
                self._sample = numpy.array([row[0] for row in rows], dtype=numpy.float32)
                self._sampled_at_rows = row_count
            sample = self._sample
        found = sample[:, : len(vector)] @ vector if len(sample) else numpy.zeros(0)
        count = len(found) + PRIOR_MEMORIES
        mean = (found.sum() + PRIOR_MEMORIES * PRIOR_MEAN) / count
        spread = ((found - mean) ** 2).sum() + PRIOR_MEMORIES * (PRIOR_DEVIATION**2 + (PRIOR_MEAN - mean) ** 2)
        return float(mean), sqrt(spread / count)


def chance(lexical: LexicalIndex, weights: Mapping[str, float]) -> tuple[float, float]:
    """Mean and standard deviation of the BM25 of memories that contain a query's terms by chance alone.

    A term of rarity r that occurs in a share p of all memories adds r with probability p: a sum of Bernoulli variables.
    """
    rows, mean, variance = max(lexical.row_count, 1), 0.0, 0.0
    for term, weight in weights.items():
        frequency = lexical.row_frequency(term)
        if not frequency:
            continue
        part = min(max(frequency / rows, 1 / SAMPLE_MEMORIES), 0.5)
        gain = weight * rarity(rows, frequency)
        mean += part * gain
        variance += part * (1 - part) * gain * gain
    return mean, sqrt(variance)
