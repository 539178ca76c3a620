"""The machine that a run is planned for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """A kind of device, and what its calls cost; by default the device of this machine, by its data sheet."""

    gpu: str | None = None
    """One of `seif.planning.hardware.HARDWARE`."""
    rates: Path | None = None
    """What `seif bench` measured; it comes before `gpu`."""
    price: str | None = None
    """Of a million tokens that an API reads and writes: `IN` or `IN,OUT`."""


THIS_MACHINE = Machine()
