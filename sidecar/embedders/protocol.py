"""The protocol of an embedder, a model that turns texts into unit vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class EmbeddingModel(Protocol):
    """A model that turns texts into unit vectors, and reads at most `context_tokens` of each text."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> str:
        """The architecture, as Ollama names it."""

    @property
    def dimensions(self) -> int: ...

    @property
    def context_tokens(self) -> int: ...

    @property
    def parameter_count(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text before truncation to `context_tokens`. Thread-safe."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row of norm 1 for each text, whatever else is in `texts`. Not thread-safe."""

    def text_of(self, token_ids: Sequence[int]) -> str | None:
        """The text that the model's tokenizer turns into exactly these tokens; None when there is none."""
