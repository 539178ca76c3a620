"""The devices of this machine, which of them are for servers, and the memory of the first."""

from __future__ import annotations

import os

import torch

from seif.engines.precision import hardware_precision
from seif.footprint import Device

SERVE = "SEIF_SERVE_DEVICES"
"""Environment variable of a training process: the GPUs that are set apart for servers, as CUDA_VISIBLE_DEVICES writes
them; empty where servers share its own."""


def device_count() -> int:
    """GPUs of this machine, or its cores where it has none."""
    return torch.cuda.device_count() if torch.cuda.is_available() else os.cpu_count() or 1


def visible_devices() -> list[str]:
    """This process's GPUs as CUDA_VISIBLE_DEVICES writes them; none on a machine without any."""
    if not torch.cuda.is_available():
        return []
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return chosen.split(",") if chosen else [str(i) for i in range(torch.cuda.device_count())]


def serving_devices() -> list[str]:
    """The GPUs over which a server spreads: those set apart in a training process, else all. None: it takes what it
    finds."""
    apart = os.environ.get(SERVE)
    if apart is None:
        return visible_devices()
    return apart.split(",") if apart else []


def this_device() -> Device:
    """The first GPU where there is one, else the CPU with the machine's memory."""
    precision = hardware_precision()
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Device(properties.name, properties.total_memory, True, precision.dtype, precision.reason)
    return Device(
        "the CPU", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), False, precision.dtype, precision.reason
    )
