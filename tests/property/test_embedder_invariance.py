"""Every vector has norm 1 and does not depend on the other texts in its batch."""

from functools import lru_cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.embedders.all_minilm import AllMiniLM

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), min_size=1, max_size=6)


@lru_cache(maxsize=1)
def embedder() -> AllMiniLM:
    return AllMiniLM()


@settings(max_examples=40, deadline=None)
@given(texts)
def test_every_text_has_one_unit_vector_whatever_its_company(given_texts: list[str]) -> None:
    together = embedder().encode(given_texts)
    alone = np.concatenate([embedder().encode([text]) for text in given_texts])
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-4
    assert np.abs(together - alone).max() < 1e-6
