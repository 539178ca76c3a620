"""What each kind of device holds while a role is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from seif.config import Config
from seif.footprint import Architecture, training_footprint
from seif.planning.placement import Placement
from seif.planning.rates import Rates
from seif.results import DeviceEstimate

USABLE = 0.9
"""Share of a device's memory that a run may plan with; the rest is for fragments."""
_NAMES = {
    "weights": "weights, gradients, optimizer",
    "reference": "reference",
    "rollouts": "copy that samples",
    "frozen": "frozen roles",
    "generation": "keys, values, logits",
    "activations": "activations",
    "exchanged": "exchanged between devices",
}
_VLLM_SHARE = 0.9
"""vLLM's --gpu-memory-utilization, unless it is given."""
_COLOCATED_SHARE = 0.3
"""TRL's vllm_gpu_memory_utilization, unless it is given."""
_VLLM_OVERHEAD = 3e9
"""Bytes of a vLLM server beside weights, keys and values: context, compiled graphs, activations."""


def devices(model: Architecture, config: Config, rates: Rates, placement: Placement) -> tuple[DeviceEstimate, ...]:
    """The memory of a device that trains, and of one that serves where there are such."""
    footprint = asdict(training_footprint(model, config, rates.compute, placement.group))
    parts = {_NAMES[name]: size for name, size in footprint.items()}
    capacity = None if rates.memory is None else round(rates.memory)
    serves = config.engine.kind == "vllm"
    if serves and not placement.serve:
        parts["vLLM"] = _server_bytes(model, config, capacity)
    elif _colocates(config):
        share = float(config.follower.grpo.extra.get("vllm_gpu_memory_utilization", _COLOCATED_SHARE))
        parts["vLLM"] = max(round(share * (capacity or 0)), _least(model, config))
    parts["process"] = round(rates.process)
    trains = DeviceEstimate("train", placement.train, _held(parts), capacity)
    if not placement.serve:
        return (trains,)
    total = _server_bytes(model, config, capacity)
    weights = 2 * model.parameters // _tensor_parallel(config)
    served = {
        "weights": weights,
        "vLLM itself": round(_VLLM_OVERHEAD),
        "keys and values": total - weights - round(_VLLM_OVERHEAD),
    }
    return trains, DeviceEstimate("serve", placement.serve, _held(served), capacity)


def _held(parts: Mapping[str, int]) -> dict[str, int]:
    return {name: size for name, size in parts.items() if size}


def _colocates(config: Config) -> bool:
    return config.follower.grpo.sampler == "vllm"


def _server_bytes(model: Architecture, config: Config, capacity: int | None) -> int:
    """What a server takes: its share of the device, and at least what it needs."""
    share = float(_flag(config, "--gpu-memory-utilization") or _VLLM_SHARE)
    return max(round(share * (capacity or 0)), _least(model, config))


def _least(model: Architecture, config: Config) -> int:
    """Weights, vLLM itself, and keys and values of one longest text."""
    grpo, parallel = config.follower.grpo, _tensor_parallel(config)
    text = model.cache(2) * (grpo.max_prompt_tokens + grpo.max_new_tokens)
    return (2 * model.parameters + text) // parallel + round(_VLLM_OVERHEAD)


def _tensor_parallel(config: Config) -> int:
    return int(_flag(config, "--tensor-parallel-size") or 1)


def _flag(config: Config, name: str) -> str | None:
    """The value of a flag among the server's own, as `--flag value` or `--flag=value`."""
    arguments = config.engine.vllm.args
    for here, after in zip(arguments, (*arguments[1:], None), strict=True):
        flag, equals, value = here.replace("_", "-").partition("=")
        if flag == name:
            return value if equals else after
    return None
