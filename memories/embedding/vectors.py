"""Formats vectors for the store, and adds the prefixes that a model wants before texts."""

from collections.abc import Callable, Sequence

import numpy
from numpy.typing import NDArray
from pgvector import Vector

COLUMN_DIMENSIONS = 768
Vectors = NDArray[numpy.float32]
# From texts, prefixed as the model wants them, to vectors (texts, dimensions). May raise ModelError, ModelUnreachable.
Embed = Callable[[Sequence[str]], Vectors]

# The prefixes that the card of a model prescribes for texts to be found, and for queries.
DOCUMENT_PREFIXES = {"nomic-embed-text": "search_document: "}
QUERY_PREFIXES = {"nomic-embed-text": "search_query: "}


def as_document(model: str, text: str) -> str:
    return DOCUMENT_PREFIXES.get(model.split(":")[0], "") + text


def as_query(model: str, text: str) -> str:
    return QUERY_PREFIXES.get(model.split(":")[0], "") + text


def as_parameter(vector: NDArray[numpy.floating]) -> Vector:
    """A vector in the format of `padded`, for connections that know the type (`candidates.prepare`)."""
    whole = numpy.zeros(COLUMN_DIMENSIONS, dtype=numpy.float32)
    whole[: len(vector)] = vector / numpy.linalg.norm(vector)
    return Vector(whole)


def padded(vector: NDArray[numpy.floating]) -> str:
    """A vector in the store's format, as text: of length one, zero-padded to 768 dimensions."""
    values = (vector / numpy.linalg.norm(vector)).astype(numpy.float32).tolist()
    return "[" + ",".join([f"{value:.9g}" for value in values]) + ",0" * (COLUMN_DIMENSIONS - len(values)) + "]"
