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
from seif.planning.vllm import DEFAULT_SHARE, server, servers, share_settings
from seif.results import DeviceEstimate

Changes = Mapping[str, Any]
"""Config keys with the values to set."""
_ROLES = ("instructor", "follower")
_SMALL = {**{f"{role}.grpo.micro_batch": 1 for role in _ROLES}, "engine.token_budget": 8192}
_CHECKPOINTED = {f"{role}.grpo.gradient_checkpointing": True for role in _ROLES}
_ADAPTERS = {"lora.r": 16, **{f"{role}.grpo.dtype": "bfloat16" for role in _ROLES}}
_APART = {"engine.kind": "vllm", "devices.serve": 1}
_SERVED = {"engine.kind": "vllm", **{f"{role}.grpo.sampler": "served" for role in _ROLES}}


def advice(model: Architecture, config: Config, rates: Rates) -> Iterator[str]:
    """A line about each device, and each share of vLLM's, that is too small; then one for the first change on as many
    devices, and one on more, with which the run would fit."""
    found = list(problems(model, config, rates))
    if not found:
        return
    yield from found
    if all(map(fits, devices(model, config, rates, placement_of(config)))):
        # The share of vLLM alone is too small, and its line says which one would do.
        return
    advised = False
    for changes in (_alone(config, rates), _more(config)):
        for change in _with_shares(model, config, rates, changes):
            try:
                changed = _changed(config, change)
            except UsageError:
                # Not together with the config's other keys.
                continue
            if not any(problems(model, changed, rates)):
                advised = True
                needed = devices(model, changed, rates, placement_of(changed))[0]
                settings = " ".join(_setting(key, value) for key, value in change.items())
                yield f"would fit, with {needed.total / 1e9:,.0f} GB: {settings}"
                break
    if not advised:
        yield "nothing that seif can set would fit; choose a smaller model or larger devices"


def fits(device: DeviceEstimate) -> bool:
    """Whether a device's memory is enough, as far as it is known."""
    return device.usable is None or device.total <= device.usable


def problems(model: Architecture, config: Config, rates: Rates) -> Iterator[str]:
    """A line about each thing that won't fit."""
    for vllm in servers(model, config, rates):
        if vllm.short:
            yield vllm.problem()
    for device in devices(model, config, rates, placement_of(config)):
        if device.usable is None or device.capacity is None or fits(device):
            continue
        has = f"{device.usable / 1e9:,.1f}".removesuffix(".0")
        of = f" usable ({USABLE:.0%} of {device.capacity / 1e9:,.0f} GB)" if device.usable < device.capacity else ""
        yield f"won't fit: a device that {device.role}s needs {device.total / 1e9:,.0f} GB and has {has} GB{of}"


def _alone(config: Config, rates: Rates) -> Iterator[Changes]:
    """Changes that need no further device, the least first."""
    first = {} if config.follower.grpo.gradient_checkpointing else _CHECKPOINTED
    yield first
    yield {**first, **_SMALL}
    adapters = _ADAPTERS if config.lora is None else {k: v for k, v in _ADAPTERS.items() if k != "lora.r"}
    yield adapters
    yield {**first, **adapters, **_SMALL}
    if rates.gpu and config.engine.kind == "local":
        # One server for all roles and for rollouts.
        yield {**first, **adapters, **_SMALL, **_SERVED}


def _more(config: Config) -> Iterator[Changes]:
    """Changes to more devices."""
    here = placement_of(config).train
    for serves in ({}, _APART):
        for count in (2, 4, 8):
            if count >= here and not (serves and count == 8):
                yield {"sharding": "fsdp2", "devices.train": count, **serves}
    for nodes in (2, 4):
        yield {"sharding": "fsdp2", "devices.train": 8, "nodes": nodes}


def _with_shares(model: Architecture, config: Config, rates: Rates, changes: Iterator[Changes]) -> Iterator[Changes]:
    """Each change, and the same with the smallest shares of the device with which vLLM starts; without what is so
    already."""
    for change in changes:
        if new := _differing(config, change):
            yield new
        try:
            changed = _changed(config, change)
        except UsageError:
            continue
        shares: dict[str, Any] = {}
        for vllm in servers(model, changed, rates):
            # A device that only serves is vLLM's own.
            apart = placement_of(changed).serve and vllm == server(model, changed, rates)
            share = max(vllm.enough, DEFAULT_SHARE) if apart else vllm.enough
            if share < 1 and share != vllm.share:
                shares |= share_settings(changed, vllm, share)
        if shares:
            yield _differing(config, {**change, **shares})


def _differing(config: Config, change: Changes) -> Changes:
    """A change without what the config says already, or what has no effect there."""
    tree = config.model_dump(mode="json")
    kind = change.get("engine.kind", config.engine.kind)
    samplers = {change.get(f"{role}.grpo.sampler", getattr(config, role).grpo.sampler) for role in _ROLES}
    found = {key: value for key, value in change.items() if _value(tree, key) != value}
    if kind != "local" and "engine" not in samplers:
        found.pop("engine.token_budget", None)
    if found.get("engine.token_budget", 0) > config.engine.token_budget:
        del found["engine.token_budget"]
    if not config.instructor.train:
        found = {key: value for key, value in found.items() if not key.startswith("instructor.")}
    return found


def _value(tree: Any, key: str) -> object:
    for part in key.split("."):
        tree = (tree or {}).get(part)
    return tree


def _changed(config: Config, changes: Changes) -> Config:
    tree = config.model_dump(mode="json")
    for key, value in _differing(config, changes).items():
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
