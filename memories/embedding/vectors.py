"""Vectors as the store keeps them, from any embedder that speaks Ollama's protocol. Called by ingest and by recall."""

from collections.abc import Callable, Sequence

import numpy
from numpy.typing import NDArray
from pgvector import Vector

COLUMN_DIMENSIONS = 768
Vectors = NDArray[numpy.float32]
# Texts, prefixed as the model wants them, to one unit vector each. May raise ModelError or ModelUnreachable.
Embed = Callable[[Sequence[str]], Vectors]

# What a model wants before a text that is to be found, and before a question (its card says so).
DOCUMENT_PREFIXES = {"nomic-embed-text": "search_document: "}
QUERY_PREFIXES = {"nomic-embed-text": "search_query: "}


def as_document(model: str, text: str) -> str:
    return DOCUMENT_PREFIXES.get(model.split(":")[0], "") + text


def as_query(model: str, text: str) -> str:
    return QUERY_PREFIXES.get(model.split(":")[0], "") + text


def as_parameter(vector: NDArray[numpy.floating]) -> Vector:
    """A vector as the store keeps it, for connections that know the type (`candidates.prepare`)."""
    whole = numpy.zeros(COLUMN_DIMENSIONS, dtype=numpy.float32)
    whole[: len(vector)] = vector / numpy.linalg.norm(vector)
    return Vector(whole)


def padded(vector: NDArray[numpy.floating]) -> str:
    """A vector as the store keeps it, as text: of length one, and zero beyond the model's own dimensions."""
    values = (vector / numpy.linalg.norm(vector)).astype(numpy.float32).tolist()
    return "[" + ",".join([f"{value:.9g}" for value in values]) + ",0" * (COLUMN_DIMENSIONS - len(values)) + "]"
