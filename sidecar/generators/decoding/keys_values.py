"""The keys and values of the replies that are decoded together, in buffers that grow without copying each token."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

FEWEST_POSITIONS = 64


class KeysValues(NamedTuple):
    """Of one layer, each of shape [rows, heads, positions, head size]."""

    keys: Tensor
    values: Tensor


class GrowingLayer(CacheLayerMixin):  # type: ignore[misc]
    """One layer's keys and values; a buffer that is full is copied once into one of twice the size.

    Layers with a sliding window keep all positions: the model's own mask leaves out what is past the window.
    """

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()
        self.length = 0
        self.keys: Tensor
        self.values: Tensor

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self._make_room(key_states, value_states, key_states.shape[-2])
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *arguments: object, **options: object
    ) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        begin, end = self.length, self.length + key_states.shape[-2]
        if end > self.keys.shape[-2]:
            self._make_room(key_states, value_states, end)
        self.keys[..., begin:end, :] = key_states
        self.values[..., begin:end, :] = value_states
        self.length = end
        return self.keys[..., :end, :], self.values[..., :end, :]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return -1

    def filled(self) -> KeysValues:
        return KeysValues(self.keys[..., : self.length, :], self.values[..., : self.length, :])

    def _make_room(self, keys: Tensor, values: Tensor, positions: int) -> None:
        capacity = max(FEWEST_POSITIONS, 1 << (positions - 1).bit_length())
        grown = [like.new_empty((*like.shape[:2], capacity, like.shape[3])) for like in (keys, values)]
        if self.length:
            grown[0][..., : self.length, :] = self.keys[..., : self.length, :]
            grown[1][..., : self.length, :] = self.values[..., : self.length, :]
        self.keys, self.values = grown


class GrowingCache(Cache):  # type: ignore[misc]
    """A model's cache of growing layers, empty or beginning with the given keys and values of each layer."""

    def __init__(self, layer_count: int, filled: Sequence[KeysValues] = ()) -> None:
        self.growing = [GrowingLayer() for _ in range(layer_count)]
        for layer, given in zip(self.growing, filled, strict=False):
            layer.update(*given)
        super().__init__(layers=self.growing)

    def filled(self) -> list[KeysValues]:
        return [layer.filled() for layer in self.growing]

    def select(self, indices: list[int], length: int | None = None) -> list[KeysValues]:
        """A copy of some rows, of their last `length` positions, for each layer."""
        return [
            KeysValues(*(part[indices][:, :, 0 if length is None else part.shape[2] - length :] for part in layer))
            for layer in self.filled()
        ]

    def row(self, index: int, length: int) -> list[KeysValues]:
        """A copy of the last `length` positions of one row, for each layer."""
        return [
            KeysValues(*(part[index : index + 1, :, part.shape[2] - length :].clone() for part in layer))
            for layer in self.filled()
        ]


def together(parts: Sequence[Sequence[KeysValues]]) -> list[KeysValues]:
    """Rows one below the other, all ending at the same position: shorter ones are padded on the left.

    The padding is zero, and has to be masked.
    """
    return [
        KeysValues(*(_padded([one[side] for one in layer]) for side in (0, 1))) for layer in zip(*parts, strict=True)
    ]


def _padded(rows: Sequence[Tensor]) -> Tensor:
    longest = max(row.shape[2] for row in rows)
    first = rows[0]
    padded = first.new_zeros((sum(row.shape[0] for row in rows), first.shape[1], longest, first.shape[3]))
    begin = 0
    for row in rows:
        padded[begin : begin + row.shape[0], :, longest - row.shape[2] :] = row
        begin += row.shape[0]
    return padded
