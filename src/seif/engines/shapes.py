"""Few sizes instead of many: on a CPU every new shape of a matrix product is compiled, which costs milliseconds and half a megabyte."""

from __future__ import annotations

import torch
from transformers.cache_utils import DynamicLayer

BLOCK = 32
"""Slots for keys and values that are added at a time while tokens are written one by one."""


def round_up(size: int) -> int:
    """The next of the sizes 1 to 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, ...: four an octave, so at most a quarter is added."""
    step = max(1, 1 << max(0, (size - 1).bit_length() - 3))
    return -(-size // step) * step


def filled(size: int, device: torch.device) -> int:
    """How many rows or columns a batch of `size` gets: on a CPU one of few numbers, elsewhere no more than it needs."""
    return round_up(size) if device.type == "cpu" else size


class BlockLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer, as transformers keeps them, but with room for the next tokens.

    transformers' own layer is copied into one that is longer by a slot for every token written. Here slots that are not
    written yet hold zeros, `get_mask_sizes` counts them, and the mask has to hide them.
    """

    written = 0

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object) -> tuple[torch.Tensor, torch.Tensor]:
        """Add (rows, heads, tokens, width) keys and values; returns all slots, those without content too."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        before, self.written = self.written, self.written + key_states.shape[-2]
        slots = self._slots(before, key_states.shape[-2])
        if slots > self.keys.shape[-2] or slots == self.written:
            self.keys, self.values = (_stretch(old, before, slots) for old in (self.keys, self.values))
        self.keys[:, :, before : self.written] = key_states
        self.values[:, :, before : self.written] = value_states
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self.written

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._slots(self.written, query_length), 0

    def _slots(self, before: int, new: int) -> int:
        """How many there are once `new` tokens are added: blocks while writing, exactly the tokens while reading."""
        held = self.keys.shape[-2] if self.is_initialized else 0
        if new > 1 or before == 0:
            return before + new
        return held if before < held else -(-(before + 1) // BLOCK) * BLOCK


def _stretch(old: torch.Tensor, used: int, slots: int) -> torch.Tensor:
    rows, heads, _, width = old.shape
    return torch.cat([old[:, :, :used], old.new_zeros(rows, heads, slots - used, width)], 2)
