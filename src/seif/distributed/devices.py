"""How many processes a training stage gets, and whether they divide its batch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from seif.config import Config
from seif.config.devices import Role
from seif.engines.devices import device_count
from seif.engines.precision import device
from seif.errors import UsageError
from seif.quantities import quantity
from seif.training.checkpoints import processes_of

SHARDS_ON = {"cuda"}
"""Where accelerate shards."""


@dataclass(frozen=True)
class Group:
    """The processes of a training stage."""

    per_node: int
    nodes: int = 1

    @property
    def world(self) -> int:
        return self.per_node * self.nodes


def group_of(config: Config, role: Role, work: Path | None = None) -> Group:
    """The processes that train `role`; with `auto`, as many as began the unfinished work in `work`.

    Raises UsageError for more devices than there are, and for a number that does not divide the batch.
    """
    wanted, there = config.devices.of(role), device_count()
    gpus = torch.cuda.is_available()
    what = "GPU" if gpus else "core"
    free = there - (config.devices.serve if gpus else 0)
    if free < 1:
        raise UsageError(
            f"devices.serve: {config.devices.serve} leaves none of {quantity(there, what)} to train; "
            f"set it below {there}"
        )
    rows = update_rows(config, role)
    if wanted == "auto":
        began = processes_of(work) if work is not None else None
        if began is not None and began % config.nodes == 0 and began // config.nodes <= free:
            return Group(began // config.nodes, config.nodes)
        # Processes on one CPU share its cores: one uses them as well as many.
        most = free if gpus else 1
        fitting = [n for n in range(1, most + 1) if rows % (n * config.nodes) == 0]
        if not fitting:
            raise _indivisible(config, role, rows, Group(1, config.nodes))
        return Group(fitting[-1], config.nodes)
    if wanted > free:
        apart = f", of which {config.devices.serve} serve" if gpus and config.devices.serve else ""
        raise UsageError(
            f"devices: {wanted} for the {_NAMES[role]}, and there are {quantity(there, what)}{apart}; "
            f"set it to {free} or fewer"
        )
    group = Group(wanted, config.nodes)
    if rows % group.world:
        raise _indivisible(config, role, rows, group)
    return group


def check_devices(config: Config) -> None:
    """Raises UsageError for a group that can't be started for any stage that trains, and for a launcher that is not
    there."""
    if config.sharding == "fsdp2" and device() not in SHARDS_ON:
        raise UsageError("sharding: fsdp2 needs GPUs, and this machine has none; set sharding: none")
    if config.launcher and shutil.which(config.launcher[0]) is None:
        raise UsageError(f"launcher: there is no command {config.launcher[0]!r}; give its path, or leave launcher out")
    for role in _trained(config):
        group_of(config, role)


def check_batches(config: Config) -> None:
    """Raises UsageError for a number of devices that does not divide the batch of a stage that trains, whatever
    devices this machine has."""
    for role in _trained(config):
        wanted, rows = config.devices.of(role), update_rows(config, role)
        if wanted != "auto" and rows % (wanted * config.nodes):
            raise _indivisible(config, role, rows, Group(wanted, config.nodes))


def _trained(config: Config) -> list[Role]:
    roles: list[Role] = ["follower"]
    if config.instructor.train:
        roles.append("instructor")
    if config.trains_reward_model:
        roles.append("reward_model")
    return roles


def update_rows(config: Config, role: Role) -> int:
    """Rows of one update over all processes, each of which must get the same number."""
    if role == "reward_model":
        return config.self_supervised.reward_model.batch_size
    grpo = config.instructor.grpo if role == "instructor" else config.follower.grpo
    return grpo.prompts_per_step * grpo.samples // grpo.updates_per_step


_NAMES = {"instructor": "Instructor", "follower": "Follower", "reward_model": "reward model"}


def _indivisible(config: Config, role: Role, rows: int, group: Group) -> UsageError:
    most = max(group.per_node * 2, 2)
    fitting = [n for n in range(1, most + 1) if rows % (n * config.nodes) == 0]
    below = [n for n in fitting if n < group.per_node][-1:]
    above = [n for n in fitting if n > group.per_node][:1]
    nearest = " or ".join(map(str, below + above))
    across = f" on each of {config.nodes} nodes" if config.nodes > 1 else ""
    fix = f"set devices to {nearest}" if nearest else "change prompts_per_step or nodes"
    return UsageError(
        f"{group.per_node} devices{across} do not divide the {rows} rows of an update of the {_NAMES[role]}; {fix}"
    )
