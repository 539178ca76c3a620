"""Shapes of batches, and keys and values preallocated for the tokens to come.

On a CPU every new shape of a bf16 matrix product is compiled (by oneDNN), which takes milliseconds and half a
megabyte. Batches and lengths are therefore filled up to one of few sizes there. Float32 products on a CPU, and all
on a GPU, take any shape as it is.
"""

from __future__ import annotations

import torch
from transformers.cache_utils import DynamicLayer

BLOCK = 32
"""Where shapes are compiled, slots for keys and values are seen this many at a time while tokens are written one by
one.
"""

KERNELS = 1024 * 550_000
"""Bytes of the compiled kernels that oneDNN keeps, which a long run comes to."""


def compiles_shapes(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether matrix products of this type are compiled for every new shape."""
    return device.type == "cpu" and dtype is not torch.float32


def round_up(size: int, an_octave: int = 4) -> int:
    """The next of few sizes, `an_octave` per doubling: with four, 1 to 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, ...

    At most a quarter is added.
    """
    step = max(1, 1 << max(0, (size - 1).bit_length() - an_octave.bit_length()))
    return -(-size // step) * step


def filled(size: int, few: bool, an_octave: int = 4) -> int:
    """How many rows or columns a batch of `size` gets: one of few numbers where shapes are compiled, else no more than
    it needs.
    """
    return round_up(size, an_octave) if few else size


class PreallocatedLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer, as transformers keeps them, but preallocated for the tokens to come.

    transformers' own layer is copied into one that is longer by a slot for every token written. Here memory is taken
    for many at a time, and attention gets a view of its beginning. With `few` shapes the view grows by blocks;
    `get_mask_sizes` counts the slots of a block that hold nothing yet, and the mask has to hide them.
    """

    def __init__(self, few: bool) -> None:
        super().__init__()
        self.few, self.written = few, 0
        self.reserve = 0
        """How many new tokens the next allocation provides for."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add (rows, heads, tokens, width) keys and values; returns all slots, those without content too."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        before, self.written = self.written, self.written + key_states.shape[-2]
        slots = self._slots(before, key_states.shape[-2])
        if slots > self.keys.shape[-2]:
            reserved = self._slots(self.written + self.reserve, 1)
            self.keys, self.values = (
                self._stretch(old, before, max(slots, reserved)) for old in (self.keys, self.values)
            )
        self.keys[:, :, before : self.written] = key_states
        self.values[:, :, before : self.written] = value_states
        return self.keys[:, :, :slots], self.values[:, :, :slots]

    def get_seq_length(self) -> int:
        return self.written

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._slots(self.written, query_length), 0

    def _slots(self, before: int, new: int) -> int:
        """How many are seen once `new` tokens are added: where shapes are few, blocks while writing; else exactly the
        tokens.
        """
        after = before + new
        return -(-after // BLOCK) * BLOCK if self.few and new == 1 and before else after

    def _stretch(self, old: torch.Tensor, used: int, slots: int) -> torch.Tensor:
        rows, heads, _, width = old.shape
        # A slot that is seen before it is written must hold numbers: what is masked out is multiplied with 0.
        new = old.new_zeros(rows, heads, slots, width) if self.few else old.new_empty(rows, heads, slots, width)
        new[:, :, :used] = old[:, :, :used]
        return new
