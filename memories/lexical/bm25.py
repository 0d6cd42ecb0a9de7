"""BM25 (Robertson & Zaragoza 2009), exactly as tantivy computes it."""

from bisect import bisect_right
from math import log

K1 = 1.2
B = 0.75

# An index stores a text's length in one byte: exact up to 40 terms, then in steps of about a tenth, rounded down.
_LENGTHS = [
    code if code < 24 else 24 + (step if (step := code - 24) < 8 else (step % 8 + 8) << (step // 8 - 1))
    for code in range(256)
]


def rarity(rows: int, frequency: int) -> float:
    """The inverse document frequency of a term that occurs in `frequency` of `rows` texts."""
    return log(1 + (max(rows - frequency, 0) + 0.5) / (frequency + 0.5))


def saturation(count: int, length: int, mean_length: float) -> float:
    """The unweighted score of a term that occurs `count` times in a text; `length` is its `kept_length`, in terms."""
    return (K1 + 1) * count / (count + K1 * (1 - B + B * length / mean_length))


def kept_length(length: int) -> int:
    return _LENGTHS[bisect_right(_LENGTHS, length) - 1]
