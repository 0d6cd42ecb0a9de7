"""What an embedder is."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """A model that turns texts into unit vectors, `context_tokens` of each text at most."""

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
        """Tokens of each text before it is cut to `context_tokens`; any thread may ask."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row of norm 1 for each text; what else is in `texts` does not change a row. One thread at a time."""

    def text_of(self, token_ids: Sequence[int]) -> str | None:
        """The text of which the model's own tokenizer makes exactly these tokens; None where there is none."""
