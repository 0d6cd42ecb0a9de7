"""BERT's forward pass over concatenated sequences, so that nothing is computed for padding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, normalize, scaled_dot_product_attention

LAYER_NORM_EPSILON = 1e-12


class Weighted(NamedTuple):
    """A weight and its bias, of a linear layer (weight transposed, inputs first) or of a layer norm."""

    weight: Tensor
    bias: Tensor


class Run(NamedTuple):
    """Neighbouring sequences of one length: one attention call serves them all, and no mask is needed."""

    sequences: int
    tokens_each: int


@dataclass(frozen=True, slots=True)
class Layer:
    query_key_value: Weighted
    attention_output: Weighted
    attention_norm: Weighted
    widen: Weighted
    narrow: Weighted
    output_norm: Weighted


@dataclass(frozen=True, slots=True)
class Workspace:
    """Buffers for the widest results, reused by every layer: fresh pages would cost more than some operations."""

    query_key_value: Tensor
    attended: Tensor
    wide: Tensor
    narrow: Tensor

    @classmethod
    def allocate(cls, tokens: int, width: int, inner_width: int) -> "Workspace":
        columns = (3 * width, width, inner_width, width)
        return cls(*(torch.empty(tokens, count) for count in columns))

    def first(self, tokens: int) -> "Workspace":
        return Workspace(*(buffer[:tokens] for buffer in (self.query_key_value, self.attended, self.wide, self.narrow)))


class PackedBert:
    """A BERT encoder with mean pooling, from the tensors of its safetensors file."""

    def __init__(self, tensors: Mapping[str, Tensor], *, layers: int, heads: int) -> None:
        self.heads = heads
        self.words = tensors["embeddings.word_embeddings.weight"]
        token_type = tensors["embeddings.token_type_embeddings.weight"][0]
        self.positions = tensors["embeddings.position_embeddings.weight"] + token_type
        self.norm = _pair(tensors, "embeddings.LayerNorm")
        self.layers = [_layer(tensors, f"encoder.layer.{index}") for index in range(layers)]
        self.width = self.words.shape[1]

    def workspace(self, tokens: int) -> Workspace:
        return Workspace.allocate(tokens, self.width, self.layers[0].widen.bias.shape[0])

    def encode(self, sequences: Sequence[Sequence[int]], workspace: Workspace) -> Tensor:
        """One unit row for each sequence of token ids; sequences of equal length must be neighbours."""
        lengths = [len(sequence) for sequence in sequences]
        runs = [Run(len(list(same)), length) for length, same in groupby(lengths)]
        hidden = self._embed(sequences, lengths)
        space = workspace.first(len(hidden))
        for layer in self.layers:
            hidden = self._apply(layer, hidden, runs, space)
        means = [part.view(*run, self.width).mean(1) for run, part in zip(runs, _split(hidden, runs), strict=True)]
        return normalize(torch.cat(means), dim=1)

    def _embed(self, sequences: Sequence[Sequence[int]], lengths: Sequence[int]) -> Tensor:
        tokens = torch.tensor(list(chain.from_iterable(sequences)))
        places = torch.tensor(list(chain.from_iterable(range(length) for length in lengths)))
        return _norm(self.words[tokens] + self.positions[places], self.norm)

    def _apply(self, layer: Layer, hidden: Tensor, runs: Sequence[Run], space: Workspace) -> Tensor:
        _linear(hidden, layer.query_key_value, space.query_key_value)
        self._attend(space.query_key_value, runs, space.attended)
        hidden = _norm(_linear(space.attended, layer.attention_output, space.narrow).add_(hidden), layer.attention_norm)
        wide = torch.ops.aten.gelu_(_linear(hidden, layer.widen, space.wide))
        return _norm(_linear(wide, layer.narrow, space.narrow).add_(hidden), layer.output_norm)

    def _attend(self, query_key_value: Tensor, runs: Sequence[Run], attended: Tensor) -> None:
        for run, source, target in zip(runs, _split(query_key_value, runs), _split(attended, runs), strict=True):
            query, key, value = source.view(*run, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            mixed = scaled_dot_product_attention(query, key, value)
            target.view(*run, self.heads, -1).copy_(mixed.transpose(1, 2))


def _split(packed: Tensor, runs: Sequence[Run]) -> Sequence[Tensor]:
    return torch.split(packed, [run.sequences * run.tokens_each for run in runs])


def _linear(inputs: Tensor, layer: Weighted, out: Tensor) -> Tensor:
    return torch.addmm(layer.bias, inputs, layer.weight, out=out)


def _norm(inputs: Tensor, norm: Weighted) -> Tensor:
    return layer_norm(inputs, norm.bias.shape, norm.weight, norm.bias, LAYER_NORM_EPSILON)


def _pair(tensors: Mapping[str, Tensor], name: str) -> Weighted:
    return Weighted(tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _dense(tensors: Mapping[str, Tensor], *names: str) -> Weighted:
    """The linear layers called `names` side by side, as one."""
    pairs = [_pair(tensors, name) for name in names]
    return Weighted(torch.cat([pair.weight for pair in pairs]).t(), torch.cat([pair.bias for pair in pairs]))


def _layer(tensors: Mapping[str, Tensor], name: str) -> Layer:
    return Layer(
        query_key_value=_dense(tensors, *(f"{name}.attention.self.{part}" for part in ("query", "key", "value"))),
        attention_output=_dense(tensors, f"{name}.attention.output.dense"),
        attention_norm=_pair(tensors, f"{name}.attention.output.LayerNorm"),
        widen=_dense(tensors, f"{name}.intermediate.dense"),
        narrow=_dense(tensors, f"{name}.output.dense"),
        output_norm=_pair(tensors, f"{name}.output.LayerNorm"),
    )
