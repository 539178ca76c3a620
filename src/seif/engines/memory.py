"""Give memory back between stages: a run loads one model after another in one process."""

from __future__ import annotations

import ctypes
import gc
import sys

import torch


def release_memory() -> None:
    """Collect garbage and return its memory to the device and to the operating system."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim()


def freeze_libraries() -> None:
    """Exclude everything that is imported by now from later collections, each of which would scan it for a quarter of a
    second.

    To be called before models are loaded, whose memory would never be given back.
    """
    gc.collect()
    gc.freeze()


def trim() -> None:
    """Return freed blocks to the operating system: glibc keeps them, and after a few steps of uneven sizes that is
    gigabytes.
    """
    if sys.platform == "linux":
        malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if malloc_trim is not None:
            malloc_trim(0)
