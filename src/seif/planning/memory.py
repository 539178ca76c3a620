"""What each kind of device holds while a role is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from seif.config import Config
from seif.footprint import Architecture, training_footprint
from seif.planning.hardware import KERNELS
from seif.planning.placement import Placement
from seif.planning.rates import Rates
from seif.planning.vllm import colocated, server
from seif.results import DeviceEstimate

USABLE = 0.9
"""Share of a device's memory that a run may plan with; the rest is for fragments."""
VLLM = "vLLM"
_NAMES = {
    "weights": "weights, gradients, optimizer",
    "reference": "reference",
    "rollouts": "copy that samples",
    "frozen": "frozen roles",
    "generation": "keys, values, logits",
    "activations": "activations",
    "exchanged": "exchanged between devices",
}


def devices(model: Architecture, config: Config, rates: Rates, placement: Placement) -> tuple[DeviceEstimate, ...]:
    """The memory of a device that trains, and of one that serves where there are such."""
    # On a CPU nothing is sharded: accelerate does that on GPUs alone.
    group = placement.group if rates.gpu else replace(placement.group, sharding="none")
    footprint = asdict(training_footprint(model, config, rates.compute, group))
    parts = {_NAMES[name]: size for name, size in footprint.items()}
    capacity = None if rates.memory is None else round(rates.memory)
    serves = config.engine.kind == "vllm"
    vllm = 0
    if serves and not placement.serve:
        vllm += server(model, config, rates).takes
    if config.follower.grpo.sampler == "vllm":
        # While it sleeps, its memory and the activations are never held at the same time.
        asleep = footprint["activations"] if config.follower.grpo.colocate.sleep else 0
        vllm += max(0, colocated(model, config, rates).takes - asleep)
    parts[VLLM] = vllm
    parts["process"] = round(rates.process + _kernels(config, rates))
    usable = None if capacity is None else round(USABLE * capacity)
    trains = DeviceEstimate("train", placement.train, _held(parts), capacity, usable)
    if not placement.serve:
        return (trains,)
    # vLLM plans with the share of its own device that it is given.
    served = {VLLM: server(model, config, rates).takes}
    return trains, DeviceEstimate("serve", placement.serve, served, capacity, capacity)


def _kernels(config: Config, rates: Rates) -> float:
    """Bytes of compiled kernels more, or less, than where `rates` were taken: a CPU compiles them for bfloat16."""
    if rates.gpu:
        return 0.0
    compute = rates.compute if config.dtype == "auto" else config.dtype
    return KERNELS * ((compute != "float32") - (rates.compute != "float32"))


def _held(parts: Mapping[str, int]) -> dict[str, int]:
    return {name: size for name, size in parts.items() if size}
