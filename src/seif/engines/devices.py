"""The device that models in this process run on, and its memory."""

from __future__ import annotations

import os

import torch

from seif.engines.precision import hardware_precision
from seif.footprint import Device


def this_device() -> Device:
    """The first GPU where there is one, else the CPU with the machine's memory."""
    precision = hardware_precision()
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Device(properties.name, properties.total_memory, True, precision.dtype, precision.reason)
    return Device(
        "the CPU", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), False, precision.dtype, precision.reason
    )
