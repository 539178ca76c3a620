"""What won't fit, and which settings would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from seif.config import Config
from seif.config_file import build_config
from seif.errors import UsageError
from seif.footprint import Architecture
from seif.planning.memory import USABLE, devices
from seif.planning.placement import placement_of
from seif.planning.rates import Rates
from seif.results import DeviceEstimate

Changes = Mapping[str, Any]
"""Config keys with the values to set."""
_ROLES = ("instructor", "follower")
_SMALL = {**{f"{role}.grpo.micro_batch": 1 for role in _ROLES}, "engine.token_budget": 8192}
_CHECKPOINTED = {f"{role}.grpo.gradient_checkpointing": True for role in _ROLES}
_ADAPTERS = {"lora.r": 16, **{f"{role}.grpo.dtype": "bfloat16" for role in _ROLES}}
_APART = {"engine.kind": "vllm", "devices.serve": 1}
_SERVED = {"engine.kind": "vllm", **{f"{role}.grpo.sampler": "served" for role in _ROLES}}
_SERVER = 8e9
"""Bytes of a server beside its weights, at the least."""


def advice(model: Architecture, config: Config, rates: Rates) -> Iterator[str]:
    """A line about each device that is too small, and one for the first change on as many devices, and on more, with
    which the run would fit."""
    short = [device for device in devices(model, config, rates, placement_of(config)) if not fits(device)]
    if not short:
        return
    for device in short:
        assert device.capacity is not None
        yield (
            f"won't fit: a device that {device.role}s needs {device.total / 1e9:,.0f} GB and has "
            f"{device.capacity / 1e9:,.0f} GB, of which {USABLE:.0%} can be planned with"
        )
    found = False
    for changes in (_alone(model, config, rates), _more(config)):
        for change in changes:
            try:
                changed = _changed(config, change)
            except UsageError:
                # Not together with the config's other keys.
                continue
            needed = devices(model, changed, rates, placement_of(changed))
            if all(map(fits, needed)):
                found = True
                settings = " ".join(_setting(key, value) for key, value in change.items())
                yield f"would fit, with {needed[0].total / 1e9:,.0f} GB: {settings}"
                break
    if not found:
        yield "nothing that seif can set would fit; choose a smaller model or larger devices"


def fits(device: DeviceEstimate) -> bool:
    """Whether a device's memory is enough, as far as it is known."""
    # A server takes a share of its own device that it was given.
    usable = 1.0 if device.role == "serve" else USABLE
    return device.capacity is None or device.total <= usable * device.capacity


def _alone(model: Architecture, config: Config, rates: Rates) -> Iterator[Changes]:
    """Changes that need no further device, the least first."""
    first = {} if config.follower.grpo.gradient_checkpointing else _CHECKPOINTED
    if first:
        yield first
    yield {**first, **_SMALL}
    if config.lora is None or config.follower.grpo.dtype == "auto":
        adapters = _ADAPTERS if config.lora is None else {k: v for k, v in _ADAPTERS.items() if k != "lora.r"}
        yield adapters
        yield {**first, **adapters, **_SMALL}
    else:
        adapters = {}
    if rates.gpu and rates.memory and config.engine.kind == "local":
        # One server for all roles and for rollouts, with room for keys and values beside its weights.
        share = round((2 * model.parameters + _SERVER) / rates.memory, 2)
        yield {**first, **adapters, **_SMALL, **_SERVED, "engine.vllm.args": ["--gpu-memory-utilization", str(share)]}


def _more(config: Config) -> Iterator[Changes]:
    """Changes to more devices."""
    here = placement_of(config).train
    for serves in ({}, _APART):
        for count in (2, 4, 8):
            if count >= here and not (serves and count == 8):
                yield {"sharding": "fsdp2", "devices.train": count, **serves}
    for nodes in (2, 4):
        yield {"sharding": "fsdp2", "devices.train": 8, "nodes": nodes}


def _changed(config: Config, changes: Changes) -> Config:
    tree = config.model_dump(mode="json")
    for key, value in changes.items():
        *parents, last = key.split(".")
        node = tree
        for parent in parents:
            node[parent] = node.get(parent) or {}
            node = node[parent]
        node[last] = value
    return build_config(tree, "planning")


def _setting(key: str, value: object) -> str:
    """An option of the command line."""
    if isinstance(value, list):
        return f"--set '{key}={json.dumps(value)}'"
    return f"--set {key}={str(value).lower() if isinstance(value, bool) else value}"
