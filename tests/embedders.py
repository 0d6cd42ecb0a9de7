"""Embedders without a model, to which texts with common words are similar."""

from collections.abc import Sequence
from hashlib import sha256

import numpy

from memories.embedding.vectors import Vectors
from memories.errors import ModelError

DIMENSIONS = 384
# The word on which they fail.
POISON = "poison"


def word_counts(texts: Sequence[str]) -> Vectors:
    """Unit vectors that are similar for texts with common words; a text without words points nowhere in particular."""
    vectors = numpy.full((len(texts), DIMENSIONS), 1e-3, dtype=numpy.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for word in text.lower().split():
            vector[int(sha256(word.encode()).hexdigest(), 16) % DIMENSIONS] += 1
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def embed(texts: Sequence[str]) -> Vectors:
    """`word_counts`; fails on one word, as a model may, and quotes the text."""
    for text in texts:
        if POISON in text:
            raise ModelError(f"400: {text}")
    return word_counts(texts)


class WordEmbedder:
    """Gives texts with common words similar vectors. Records its requests; fails on one word."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        if any(POISON in text for text in texts):
            raise ModelError("400: it holds poison")
        return numpy.array([self.vector(text) for text in texts], dtype=numpy.float32)

    @staticmethod
    def vector(text: str) -> Vectors:
        vector = numpy.full(64, 0.01, dtype=numpy.float32)
        for word in text.lower().split():
            vector[sum(word.encode()) % 64] += 1
        return vector / numpy.linalg.norm(vector)
