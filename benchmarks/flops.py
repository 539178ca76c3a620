"""Model FLOPs of training, and the share of a device's peak that they make: the MFU of PaLM.

MFU counts what the model needs, not what the program does: the second forward of gradient checkpointing, padding and
attention scores are left out.
"""

from __future__ import annotations

import re

PEAK_BF16 = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H200": 989e12,
    "GH200": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
}
"""FLOP/s of dense bf16 matrix products, from NVIDIA's data sheets (which print twice as much, for sparse ones)."""


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
    """The bf16 peak of a device by its name, as torch gives it; None for one that is not in the table."""
    # Whole words, as an L40 is no L4; an "H100 PCIe" is an H100 too, so the longest name decides.
    found = [name for name in PEAK_BF16 if re.search(rf"\b{name}\b", device)]
    return PEAK_BF16[max(found, key=len)] if found else None


def mfu(flops: float, seconds: float, peak: float | None) -> float | None:
    """Model FLOPs utilisation: FLOPs / (seconds x peak), from 0 to 1 (Chowdhery et al., arXiv 2204.02311, appendix
    B); None without a peak."""
    return flops / (seconds * peak) if peak else None
