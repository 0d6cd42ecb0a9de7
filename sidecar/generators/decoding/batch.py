"""Decodes several replies in one forward pass, and keeps what was read for the next request that begins alike."""

import inspect
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sidecar.generators.decoding.keys_values import GrowingCache, KeysValues, together
from sidecar.generators.decoding.row import Row

# So many tokens of prompts are read in one step: others wait no longer, and a cancelled reply ends after it.
TOKENS_PER_STEP = 256
KEPT_BYTES = 512 * 1024 * 1024
MOST_KEPT = 32
# Below this, and below half a prompt, reading it beside others is faster than going on from what was kept.
FEWEST_SHARED_TOKENS = 16


class KeptPrefix(NamedTuple):
    """The keys and values of tokens that were read, for each layer."""

    tokens: tuple[int, ...]
    layers: list[KeysValues]

    @property
    def byte_count(self) -> int:
        return sum(part.nbytes for layer in self.layers for part in layer)


@dataclass(slots=True, eq=False)
class Reading:
    """A row whose prompt is being read; `cache` has what was read of it."""

    row: Row
    cache: GrowingCache


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
        self._unread: deque[Row] = deque()
        self._reading: Reading | None = None
        self._kept: list[KeptPrefix] = []
        self._has_decoded = False

    def enter(self, row: Row) -> None:
        """Takes in a row, whose prompt is read in the next steps."""
        self._unread.append(row)

    def step(self) -> None:
        """One forward pass: reads prompts if any wait, but decodes every other time; finished rows leave."""
        self._admit_kept()
        if (self._reading or self._unread) and (self._has_decoded or not self._rows):
            self._read()
            self._has_decoded = False
        else:
            self._decode()
            self._has_decoded = True

    def leave(self, row: Row) -> None:
        """Takes a row out, finished or cancelled, and keeps what it has read."""
        if row in self._unread:
            self._unread.remove(row)
        elif self._reading is not None and self._reading.row is row:
            self._reading = None
        elif row in self._rows:
            self._take_out([row])

    def _admit_kept(self) -> None:
        """Rows whose prompts were read before, but for the last token, are decoded at once."""
        for row in list(self._unread):
            kept = self._longest_kept(row.tokens)
            if kept is None or len(kept.tokens) < len(row.tokens) - 1:
                continue
            self._unread.remove(row)
            row.read_tokens = row.cached_tokens = len(kept.tokens)
            self._join([row], GrowingCache(self._layer_count, kept.layers))

    def _read(self) -> None:
        """Reads a part of one prompt, or several short prompts."""
        if self._reading is None:
            rows = self._short_and_new()
            if len(rows) > 1:
                self._read_together(rows)
                return
            row = self._unread.popleft()
            kept = self._longest_kept(row.tokens)
            row.read_tokens = row.cached_tokens = 0 if kept is None else len(kept.tokens)
            self._reading = Reading(row, GrowingCache(self._layer_count, () if kept is None else kept.layers))
        row, cache = self._reading.row, self._reading.cache
        tokens = row.tokens[row.read_tokens : row.read_tokens + TOKENS_PER_STEP]
        positions = torch.arange(row.read_tokens, row.read_tokens + len(tokens))
        logits = self._forward(cache, torch.tensor([tokens]), positions[None])
        row.read_tokens += len(tokens)
        if row.read_tokens == len(row.tokens):
            self._reading = None
            self._begin([row], cache, logits)

    def _short_and_new(self) -> list[Row]:
        """The rows first in line whose prompts, padded to one length, are read in one step; nothing of them is kept."""
        rows: list[Row] = []
        for row in self._unread:
            longest = max(len(other.tokens) for other in (*rows, row))
            if longest * (len(rows) + 1) > TOKENS_PER_STEP or self._longest_kept(row.tokens) is not None:
                break
            rows.append(row)
        return rows

    def _read_together(self, rows: list[Row]) -> None:
        """Reads whole prompts in one pass, padded on the left."""
        for row in rows:
            self._unread.remove(row)
            row.read_tokens = len(row.tokens)
        longest = max(row.read_tokens for row in rows)
        tokens = torch.tensor([[0] * (longest - row.read_tokens) + row.tokens for row in rows])
        mask = _mask([row.read_tokens for row in rows], longest)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = GrowingCache(self._layer_count)
        self._begin(rows, cache, self._forward(cache, tokens, positions, mask))

    def _begin(self, rows: list[Row], cache: GrowingCache, logits: Tensor) -> None:
        """Draws the first token of rows that were read, and decodes them from now on."""
        for index, row in enumerate(rows):
            self._keep(row.tokens, cache.row(index, row.read_tokens))
            row.advance(logits[index])
        stay = [index for index, row in enumerate(rows) if not row.is_finished]
        if stay:
            left = cache if len(stay) == len(rows) else GrowingCache(self._layer_count, cache.select(stay))
            self._join([rows[index] for index in stay], left)

    def _decode(self) -> None:
        """Draws the next token of every row."""
        tokens = torch.tensor([[row.tokens[row.read_tokens]] for row in self._rows])
        lengths = [row.read_tokens for row in self._rows]
        longest = max(lengths)
        mask = _mask([length + 1 for length in lengths], longest + 1) if min(lengths) < longest else None
        found = self._forward(self._cache, tokens, torch.tensor(lengths)[:, None], mask)
        for row, logits in zip(self._rows, found, strict=True):
            row.read_tokens += 1
            row.advance(logits)
        finished = [row for row in self._rows if row.is_finished]
        if finished:
            self._take_out(finished)

    def _take_out(self, rows: list[Row]) -> None:
        for row in rows:
            self._keep(row.tokens[: row.read_tokens], self._cache.row(self._rows.index(row), row.read_tokens))
        stay = [index for index, row in enumerate(self._rows) if row not in rows]
        self._rows = [self._rows[index] for index in stay]
        longest = max((row.read_tokens for row in self._rows), default=0)
        self._cache = GrowingCache(self._layer_count, self._cache.select(stay, longest) if stay else ())

    def _join(self, rows: list[Row], cache: GrowingCache) -> None:
        if self._rows:
            self._cache = GrowingCache(self._layer_count, together([self._cache.filled(), cache.filled()]))
        else:
            self._cache = cache
        self._rows += rows

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
        best, most = None, max(FEWEST_SHARED_TOKENS, len(prompt) // 2) - 1
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
        while len(self._kept) > MOST_KEPT or sum(kept.byte_count for kept in self._kept) > KEPT_BYTES:
            del self._kept[0]


def _mask(lengths: Sequence[int], longest: int) -> Tensor:
    """Which positions of rows that are padded on the left are their own: 1 or 0, of shape [rows, longest]."""
    return (torch.arange(longest) >= longest - torch.tensor(lengths)[:, None]).long()
