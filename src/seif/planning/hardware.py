"""Devices by name, with what their vendors say of them: for estimates before anything was measured."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Literal, cast

from seif.errors import UsageError


@dataclass(frozen=True)
class Hardware:
    """One kind of device."""

    name: str
    title: str
    memory: float
    """Bytes."""
    flops: float
    """Dense bf16 (a CPU: float32) FLOP/s."""
    bandwidth: float
    """Bytes per second from its memory."""
    process: float
    """Bytes that a process takes there before it holds a model: context, kernels, libraries."""
    gpu: bool = True
    compute: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    """What `dtype: auto` becomes there."""


_GB, _TFLOPS, _TB = 1e9, 1e12, 1e12
HARDWARE = {
    device.name: device
    for device in (
        Hardware("h200", "H200", 141 * _GB, 989 * _TFLOPS, 4.8 * _TB, 2 * _GB),
        Hardware("h100", "H100 80 GB", 80 * _GB, 989 * _TFLOPS, 3.35 * _TB, 2 * _GB),
        Hardware("a100", "A100 80 GB", 80 * _GB, 312 * _TFLOPS, 2.0 * _TB, 2 * _GB),
        Hardware("l40s", "L40S", 48 * _GB, 362 * _TFLOPS, 0.86 * _TB, 2 * _GB),
        Hardware("24gb", "a 24 GB GPU", 24 * _GB, 165 * _TFLOPS, 1.0 * _TB, 1.5 * _GB),
        Hardware("cpu", "a CPU with two cores", 8 * _GB, 0.25 * _TFLOPS, 0.02 * _TB, 1.36 * _GB, gpu=False),
    )
}
"""From the data sheets of the GPUs; `24gb` is a GeForce RTX 4090, `cpu` two cores of a cloud machine: what
they reach with the embedded model, between its speed in float32 and in bfloat16 (docs/performance.md)."""
KERNELS = 0.56 * _GB
"""Bytes of the kernels that a CPU compiles for bfloat16, part of its `process` (`seif.engines.shapes`)."""


def hardware(name: str) -> Hardware:
    """The device called `name`. Raises UsageError, with the name that was meant, for an unknown one."""
    found = HARDWARE.get(name.lower())
    if found is not None:
        return found
    near = difflib.get_close_matches(name.lower(), HARDWARE, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        f"--gpu {name}: no such device; {meant}Known: {', '.join(HARDWARE)}. For another, measure it with `seif bench` "
        "and give --rates FILE"
    )


def nearest_hardware() -> Hardware:
    """The device of this machine: by its name where that is known, else the one with the next smaller memory."""
    from seif.engines.devices import this_device

    here = this_device()
    if not here.gpu:
        compute = cast('Literal["bfloat16", "float16", "float32"]', here.compute)
        known = HARDWARE["cpu"]
        process = known.process - (KERNELS if compute == "float32" else 0.0)
        return replace(known, memory=here.memory, title="a CPU", compute=compute, process=process)
    named = [known for known in HARDWARE.values() if known.gpu and known.name in here.name.lower()]
    smaller = [known for known in HARDWARE.values() if known.gpu and known.memory <= 1.1 * here.memory]
    found = max(named or smaller or [HARDWARE["24gb"]], key=lambda known: known.memory)
    return replace(found, memory=here.memory, title=here.name)
