"""What each kind of device holds while a role is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import zip_longest

from seif.config import Config
from seif.errors import UsageError
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
_VLLM_OVERHEAD = 3e9
"""Bytes of a vLLM server beside weights, keys and values: context, compiled graphs, activations."""

_CPU_CACHE, _CPU_CACHE_GIB = "VLLM_CPU_KVCACHE_SPACE", 4
"""On a CPU: the variable that says how many GiB of keys and values vLLM keeps, and its default."""
_VLLM_CPU_OVERHEAD = 1e9


def devices(model: Architecture, config: Config, rates: Rates, placement: Placement) -> tuple[DeviceEstimate, ...]:
    """The memory of a device that trains, and of one that serves where there are such."""
    footprint = asdict(training_footprint(model, config, rates.compute, placement.group))
    parts = {_NAMES[name]: size for name, size in footprint.items()}
    capacity = None if rates.memory is None else round(rates.memory)
    serves = config.engine.kind == "vllm"
    if serves and not placement.serve:
        parts["vLLM"] = _server_bytes(model, config, rates)
    elif config.follower.grpo.sampler == "vllm":
        vllm = _colocated_bytes(model, config, rates)
        if config.follower.grpo.colocate.sleep:
            # Its memory and the activations are never held at the same time.
            parts["vLLM, beyond activations"] = max(0, vllm - footprint["activations"])
        else:
            parts["vLLM"] = vllm
    parts["process"] = round(rates.process)
    trains = DeviceEstimate("train", placement.train, _held(parts), capacity)
    if not placement.serve:
        return (trains,)
    total = _server_bytes(model, config, rates)
    weights = 2 * model.parameters // _tensor_parallel(config)
    served = {
        "weights": weights,
        "vLLM itself": round(_VLLM_OVERHEAD),
        "keys and values": total - weights - round(_VLLM_OVERHEAD),
    }
    return trains, DeviceEstimate("serve", placement.serve, _held(served), capacity)


def _held(parts: Mapping[str, int]) -> dict[str, int]:
    return {name: size for name, size in parts.items() if size}


def _colocated_bytes(model: Architecture, config: Config, rates: Rates) -> int:
    """What vLLM takes in a training process: its share of the device, and at least what it needs."""
    colocate = config.follower.grpo.colocate
    share = round(colocate.gpu_memory_utilization * (rates.memory or 0))
    return max(share, _least(model, config, colocate.tensor_parallel))


def _server_bytes(model: Architecture, config: Config, rates: Rates) -> int:
    """What a server takes: its share of the device, and at least what it needs."""
    if not rates.gpu:
        cache = _number(config.engine.vllm.env.get(_CPU_CACHE, _CPU_CACHE_GIB), f"engine.vllm.env: {_CPU_CACHE}")
        return round(2 * model.parameters + _VLLM_CPU_OVERHEAD + cache * 2**30)
    share = _flag(config, "--gpu-memory-utilization", _VLLM_SHARE)
    return max(round(share * (rates.memory or 0)), _least(model, config, _tensor_parallel(config)))


def _least(model: Architecture, config: Config, parallel: int) -> int:
    """Weights, vLLM itself, and keys and values of one longest text, spread over `parallel` devices."""
    grpo = config.follower.grpo
    text = model.cache(2) * (grpo.max_prompt_tokens + grpo.max_new_tokens)
    return round((2 * model.parameters + text) / parallel + _VLLM_OVERHEAD)


def _tensor_parallel(config: Config) -> int:
    return max(1, round(_flag(config, "--tensor-parallel-size", 1)))


def _flag(config: Config, name: str, default: float) -> float:
    """The number that a server is given with a flag, as `--flag value` or `--flag=value`. Raises UsageError for
    anything else there."""
    arguments = config.engine.vllm.args
    for here, after in zip_longest(arguments, arguments[1:]):
        flag, equals, value = here.partition("=")
        if flag.replace("_", "-") == name:
            return _number(value if equals else after, f"engine.vllm.args: {name}")
    return default


def _number(value: object, key: str) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise UsageError(f"{key} takes a number, got {value!r}") from None
