"""What vLLM takes of a device: the share that it is given, which has to be as much as it needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from seif.config import Config
from seif.errors import UsageError
from seif.footprint import Architecture
from seif.planning.rates import Rates

_FLAG = "--gpu-memory-utilization"
DEFAULT_SHARE = 0.9
"""vLLM's --gpu-memory-utilization, unless it is given."""
_OVERHEAD = 3e9
"""Bytes of a vLLM server beside weights, keys and values: context, compiled graphs, activations."""
_STEP = 0.05
"""Shares that are advised are multiples of it."""

_CPU_CACHE, _CPU_CACHE_GIB = "VLLM_CPU_KVCACHE_SPACE", 4
"""On a CPU: the variable that says how many GiB of keys and values vLLM keeps, and its default."""
_CPU_OVERHEAD = 1e9


@dataclass(frozen=True)
class Vllm:
    """vLLM on one device."""

    setting: str
    """What gives it its share."""
    share: float
    """Of the device's memory."""
    given: int | None
    """Bytes of that share; None where the device's memory is not known, or vLLM takes no share."""
    least: int
    """Bytes that it needs for weights, itself, and keys and values of one longest text."""

    @property
    def takes(self) -> int:
        """Bytes."""
        return max(self.given or 0, self.least)

    @property
    def short(self) -> bool:
        """Whether its share is less than it needs, so that it would not start."""
        return self.given is not None and self.given < self.least

    @property
    def enough(self) -> float:
        """The share with which it would start, rounded up."""
        assert self.given is not None
        return self.rounded(self.least / (self.given / self.share))

    @staticmethod
    def rounded(share: float) -> float:
        """The next larger share that is advised."""
        return round(math.ceil(share / _STEP - 1e-9) * _STEP, 2)

    def problem(self) -> str:
        """A line about a share that is too small."""
        assert self.given is not None
        enough = self.enough
        fix = f"set it to {enough:g}" if enough < 1 else "the device is too small for it"
        return (
            f"won't fit: {self.setting} {self.share:g} gives vLLM {_gb(self.given)} of the device, "
            f"and it needs {_gb(self.least)}; {fix}"
        )


def server(model: Architecture, config: Config, rates: Rates) -> Vllm:
    """A server of the frozen roles. Raises UsageError for a share that is no number, or none of a device."""
    if not rates.gpu:
        cache = _number(config.engine.vllm.env.get(_CPU_CACHE, _CPU_CACHE_GIB), f"engine.vllm.env: {_CPU_CACHE}")
        return Vllm(_CPU_CACHE, 1.0, None, round(2 * model.parameters + _CPU_OVERHEAD + cache * 2**30))
    share = _flag(config, _FLAG, DEFAULT_SHARE)
    if not 0 < share <= 1:
        raise UsageError(f"engine.vllm.args: {_FLAG} is a share of the device's memory, above 0 and at most 1")
    parallel = max(1, round(_flag(config, "--tensor-parallel-size", 1)))
    return _with_share(_FLAG, share, rates, _least(model, config, parallel))


def colocated(model: Architecture, config: Config, rates: Rates) -> Vllm:
    """vLLM in a training process."""
    colocate = config.follower.grpo.colocate
    setting = "grpo.colocate.gpu_memory_utilization"
    return _with_share(setting, colocate.gpu_memory_utilization, rates, _least(model, config, colocate.tensor_parallel))


def servers(model: Architecture, config: Config, rates: Rates) -> list[Vllm]:
    """Every vLLM that a run starts."""
    found = [server(model, config, rates)] if config.engine.kind == "vllm" else []
    if config.follower.grpo.sampler == "vllm":
        found.append(colocated(model, config, rates))
    return found


def share_settings(config: Config, found: Vllm, share: float) -> Mapping[str, Any]:
    """The config keys that give vLLM `share` of a device."""
    if found.setting == _FLAG:
        return {"engine.vllm.args": [*_without(config.engine.vllm.args, _FLAG), _FLAG, f"{share:g}"]}
    trained = ["instructor", "follower"] if config.instructor.train else ["follower"]
    roles = [role for role in trained if getattr(config, role).grpo.sampler == "vllm"]
    return {f"{role}.grpo.colocate.gpu_memory_utilization": share for role in roles}


def _with_share(setting: str, share: float, rates: Rates, least: int) -> Vllm:
    return Vllm(setting, share, None if rates.memory is None else round(share * rates.memory), least)


def _least(model: Architecture, config: Config, parallel: int) -> int:
    """Weights, vLLM itself, and keys and values of one longest text, spread over `parallel` devices."""
    grpo = config.follower.grpo
    text = model.cache(2) * (grpo.max_prompt_tokens + grpo.max_new_tokens)
    return round((2 * model.parameters + text) / parallel + _OVERHEAD)


def _flag(config: Config, name: str, default: float) -> float:
    """The number that a server is given with a flag, as `--flag value` or `--flag=value`. Raises UsageError for
    anything else there."""
    arguments = config.engine.vllm.args
    for here, after in zip_longest(arguments, arguments[1:]):
        flag, equals, value = here.partition("=")
        if flag.replace("_", "-") == name:
            return _number(value if equals else after, f"engine.vllm.args: {name}")
    return default


def _without(arguments: tuple[str, ...], name: str) -> list[str]:
    """The arguments without a flag and its value."""
    kept, skip = [], False
    for argument in arguments:
        flag, equals, _ = argument.partition("=")
        if skip:
            skip = False
        elif flag.replace("_", "-") == name:
            skip = not equals
        else:
            kept.append(argument)
    return kept


def _number(value: object, key: str) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise UsageError(f"{key} takes a number, got {value!r}") from None


def _gb(size: float) -> str:
    return f"{size / 1e9:,.0f} GB"
