"""Decodes several replies in one forward pass, and keeps what was read for the next request that begins alike."""

import inspect
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sidecar.generators.decoding.keys_values import GrowingCache, KeysValues, together
from sidecar.generators.decoding.row import Row

# So many tokens of a prompt are read in one step: others wait no longer, and a cancelled reply ends after it.
TOKENS_PER_STEP = 256
KEPT_BYTES = 512 * 1024 * 1024
FEWEST_SHARED_TOKENS = 16


class KeptPrefix(NamedTuple):
    """The keys and values of tokens that were read, for each layer."""

    tokens: tuple[int, ...]
    layers: list[KeysValues]

    @property
    def byte_count(self) -> int:
        return sum(part.nbytes for layer in self.layers for part in layer)


class DecodingBatch:
    """The rows that are decoded together, each ending at the last position; shorter ones are padded on the left."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._layer_count = model.config.get_text_config().num_hidden_layers
        # transformers 5.24 calls it `cache`.
        parameters = inspect.signature(model.forward).parameters
        self._cache_name = "past_key_values" if "past_key_values" in parameters else "cache"
        self._cache = GrowingCache(self._layer_count)
        self._rows: list[Row] = []
        self._kept: list[KeptPrefix] = []

    def read(self, row: Row) -> Iterator[None]:
        """Reads a row's prompt in steps and draws its first token; the row then takes part in `step`."""
        prompt = row.tokens[:]
        shared = self._longest_kept(prompt)
        row.cached_tokens = 0 if shared is None else len(shared.tokens)
        cache = GrowingCache(self._layer_count, () if shared is None else shared.layers)
        logits: Tensor | None = None
        for begin in range(row.cached_tokens, len(prompt), TOKENS_PER_STEP):
            if logits is not None:
                yield
            tokens = prompt[begin : begin + TOKENS_PER_STEP]
            positions = torch.arange(begin, begin + len(tokens))
            logits = self._forward(cache, torch.tensor([tokens]), positions[None])[0]
        assert logits is not None  # noqa: S101 - a prompt has a token, and never all are kept
        row.read_tokens = len(prompt)
        self._keep(prompt, cache.row(0, len(prompt)))
        row.advance(logits)
        if not row.is_finished:
            self._join(row, cache)
        yield

    def step(self) -> None:
        """Draws the next token of every row; rows that are finished leave."""
        tokens = torch.tensor([[row.tokens[row.read_tokens]] for row in self._rows])
        lengths = torch.tensor([row.read_tokens for row in self._rows])
        longest = int(lengths.max())
        is_padded = bool((lengths < longest).any())
        mask = (torch.arange(longest + 1) >= longest - lengths[:, None]).long() if is_padded else None
        rows = list(self._rows)
        for row, logits in zip(rows, self._forward(self._cache, tokens, lengths[:, None], mask), strict=True):
            row.read_tokens += 1
            row.advance(logits)
        for row in rows:
            if row.is_finished:
                self.leave(row)

    def leave(self, row: Row) -> None:
        """Takes a row out, finished or cancelled, and keeps what it has read."""
        if row not in self._rows:
            return
        index = self._rows.index(row)
        self._keep(row.tokens[: row.read_tokens], self._cache.row(index, row.read_tokens))
        del self._rows[index]
        longest = max((other.read_tokens for other in self._rows), default=0)
        stay = [place for place in range(len(self._rows) + 1) if place != index]
        filled = [
            KeysValues(*(part[stay][:, :, part.shape[2] - longest :] for part in layer))
            for layer in self._cache.filled()
        ]
        self._cache = GrowingCache(self._layer_count, filled if longest else ())

    def _join(self, row: Row, cache: GrowingCache) -> None:
        if self._rows:
            self._cache = GrowingCache(self._layer_count, together([self._cache.filled(), cache.filled()]))
        else:
            self._cache = cache
        self._rows.append(row)

    def _forward(self, cache: GrowingCache, tokens: Tensor, positions: Tensor, mask: Tensor | None = None) -> Tensor:
        """The logits after the last token of each row, float32 of shape [rows, vocabulary]."""
        device = self._model.device
        options: dict[str, Any] = {self._cache_name: cache}
        with torch.inference_mode():
            found = self._model(
                input_ids=tokens.to(device),
                position_ids=positions.to(device),
                attention_mask=None if mask is None else mask.to(device),
                use_cache=True,
                logits_to_keep=1,
                **options,
            )
        logits: Tensor = found.logits[:, -1].float()
        return logits

    def _longest_kept(self, prompt: Sequence[int]) -> KeptPrefix | None:
        """What was kept of the beginning of a prompt, except for its last token: its logits are needed."""
        best, most = None, FEWEST_SHARED_TOKENS - 1
        for kept in self._kept:
            pairs = zip(kept.tokens, prompt[:-1], strict=False)
            count = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            if count > most:
                best, most = kept, count
        if best is None:
            return None
        self._kept.remove(best)
        self._kept.append(best)
        layers = [KeysValues(*(part[:, :, :most] for part in layer)) for layer in best.layers]
        return KeptPrefix(best.tokens[:most], layers)

    def _keep(self, tokens: Sequence[int], layers: list[KeysValues]) -> None:
        """Keeps what was read, instead of what it goes on from; the longest unused is let go of."""
        new = KeptPrefix(tuple(tokens), layers)
        self._kept = [kept for kept in self._kept if kept.tokens != new.tokens[: len(kept.tokens)]]
        self._kept.append(new)
        while self._kept and sum(kept.byte_count for kept in self._kept) > KEPT_BYTES:
            del self._kept[0]
