"""Draws the next token of one reply from the model's logits."""

from collections import Counter

import torch
from torch import Tensor

from sidecar.generators.protocol import Sampling

REPEAT_TOKENS = 64


class Sampler:
    """The draws of one reply: the same seed and logits give the same tokens, whatever else is generated beside it.

    In this order: penalties for tokens of this reply (and, for `repeat_penalty`, of the last REPEAT_TOKENS of prompt
    and reply, as Ollama does), `logit_bias`, the tokens a grammar allows, temperature, top_k, top_p, min_p.
    """

    def __init__(self, sampling: Sampling, prompt: list[int], vocabulary_size: int, device: torch.device) -> None:
        self._sampling = sampling
        self._recent = prompt[-REPEAT_TOKENS:]
        self._counts: Counter[int] = Counter()
        self._generator = torch.Generator(device)
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed % 2**63)
        known = {token: bias for token, bias in sampling.logit_bias.items() if 0 <= token < vocabulary_size}
        self._biased = torch.tensor(list(known), dtype=torch.long, device=device)
        self._biases = torch.tensor(list(known.values()), dtype=torch.float32, device=device)

    def draw(self, logits: Tensor, allowed: Tensor | None = None) -> int:
        """The next token, from float32 logits of shape [vocabulary]; `allowed` is a mask of the same shape."""
        logits = self._penalised(logits)
        if allowed is not None:
            logits = logits.masked_fill(~allowed, -torch.inf)
        if self._sampling.temperature <= 0:
            token = int(logits.argmax())
        else:
            probabilities = self._kept(torch.softmax(logits / self._sampling.temperature, dim=-1))
            token = int(torch.multinomial(probabilities, 1, generator=self._generator))
        self._counts[token] += 1
        self._recent = [*self._recent, token][-REPEAT_TOKENS:]
        return token

    def _penalised(self, logits: Tensor) -> Tensor:
        sampling = self._sampling
        is_changed = len(self._biased) or sampling.repeat_penalty != 1
        if not is_changed and not (self._counts and (sampling.frequency_penalty or sampling.presence_penalty)):
            return logits
        logits = logits.clone()
        if sampling.repeat_penalty != 1 and self._recent:
            recent = torch.tensor(sorted(set(self._recent)), device=logits.device)
            found = logits[recent]
            logits[recent] = torch.where(found > 0, found / sampling.repeat_penalty, found * sampling.repeat_penalty)
        if self._counts and (sampling.frequency_penalty or sampling.presence_penalty):
            tokens = torch.tensor(list(self._counts), device=logits.device)
            counts = torch.tensor(list(self._counts.values()), dtype=logits.dtype, device=logits.device)
            logits[tokens] -= sampling.frequency_penalty * counts + sampling.presence_penalty
        if len(self._biased):
            logits[self._biased] += self._biases
        return logits

    def _kept(self, probabilities: Tensor) -> Tensor:
        """Without what top_k, top_p and min_p leave out; the likeliest token stays always."""
        sampling = self._sampling
        if 0 < sampling.top_k < len(probabilities):
            least = probabilities.topk(sampling.top_k).values[-1]
            probabilities = probabilities.masked_fill(probabilities < least, 0)
        if sampling.top_p < 1:
            ordered, tokens = probabilities.sort(descending=True)
            before = ordered.cumsum(-1) - ordered
            is_left_out = before >= sampling.top_p * ordered.sum()
            is_left_out[0] = False
            probabilities = probabilities.index_fill(0, tokens[is_left_out], 0)
        if sampling.min_p > 0:
            probabilities = probabilities.masked_fill(probabilities < sampling.min_p * probabilities.max(), 0)
        return probabilities
