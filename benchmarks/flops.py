"""Model FLOPs of training, and the share of a device's peak that they make: the MFU of PaLM.

MFU counts what the model needs, not what the program does: the second forward of gradient checkpointing, padding and
attention scores are left out.
"""

from __future__ import annotations

import re

from seif.planning.hardware import HARDWARE

_SLOWER = ("PCIe", "NVL", "MIG")
"""In names of devices that have fewer units, or slower ones, than the data sheet in `HARDWARE` is about."""


def full_training_flops(parameters: int, tokens: int) -> float:
    """FLOPs to train all weights on `tokens`: 6 for each parameter and token, 2 of the forward and 4 of the backward
    (Kaplan et al., arXiv 2001.08361, section 2.1).

    `parameters` are those in matrix products: an embedding that is not the head is left out.
    """
    return 6.0 * parameters * tokens


def lora_training_flops(base: int, adapter: int, tokens: int) -> float:
    """FLOPs to train an adapter of `adapter` parameters on a frozen base of `base`.

    The base has no gradients of its own, which are 2 of its 6; the adapter has all 6.
    """
    return (4.0 * base + 6.0 * adapter) * tokens


def peak_flops(device: str) -> float | None:
    """The dense bf16 peak of a GPU by its name, as torch gives it; None for one whose data sheet is not known."""
    if any(word in device for word in _SLOWER):
        return None
    # Whole words: an L40 is no L4, and a GH200 no H200.
    for known in HARDWARE.values():
        if known.gpu and re.search(rf"\b{known.name}\b", device.lower()):
            return known.flops
    return None


def mfu(flops: float, seconds: float, peak: float | None) -> float | None:
    """Model FLOPs utilisation: FLOPs / (seconds x peak), from 0 to 1 (Chowdhery et al., arXiv 2204.02311, appendix
    B); None without a peak."""
    return flops / (seconds * peak) if peak else None
