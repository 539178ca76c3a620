"""Give memory back between stages, and measure its peak: a run loads one model after another in one process."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
from pathlib import Path

import torch

from seif.engines.shapes import KERNELS, compiles_shapes


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


_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


_started_peak = 0
"""The peak of the processes that this one has started."""


def note_peak(peak: int) -> None:
    """Let `peak_memory` know that a process which this one has started held `peak` bytes."""
    global _started_peak
    _started_peak = max(_started_peak, peak)


def reset_peak() -> None:
    """Let `peak_memory` begin anew."""
    global _started_peak
    _started_peak = 0
    # A process that has not touched the GPU must not begin to for this.
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    # 5 sets the peak of the resident set to what is resident now (Linux); elsewhere it stays the process's own.
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def peak_memory() -> int:
    """Bytes at the peak since `reset_peak`, of this process or of the one with the most that it has started and that
    trains: on the GPU where there is one (0 where it has not touched it), else resident in memory."""
    if torch.cuda.is_available():
        return max(_started_peak, int(torch.cuda.max_memory_reserved()))
    unit = 1 if sys.platform == "darwin" else 1024
    return max(_started_peak, _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def kernels_to_come(compute: str, before: int) -> int:
    """Bytes of kernels that a longer run would still compile on this machine, where `before` were resident before any
    were."""
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not compiles_shapes(where, getattr(torch, compute)):
        return 0
    return max(0, KERNELS - max(0, resident_memory() - before))


def resident_memory() -> int:
    """Bytes of this process in memory now, after giving back what is free; 0 where that is not known."""
    release_memory()
    return _status("VmRSS")


def _status(key: str) -> int:
    """A size in Linux's account of this process, in bytes; 0 elsewhere."""
    try:
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), 0)
