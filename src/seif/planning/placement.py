"""Which devices a run trains on, and which serve."""

from __future__ import annotations

from dataclasses import dataclass

from seif.config import Config
from seif.footprint import ONE, Group


@dataclass(frozen=True)
class Placement:
    """Devices by what they do."""

    group: Group = ONE
    """Those that train."""
    serve: int = 0
    """Those that do nothing but serve; 0: servers share the devices that train."""
    first_node: int = 1
    """Devices of the first node that train."""
    nodes: int = 1
    started: bool = False
    """Whether processes are started for a training stage; else it runs in the controller."""

    @property
    def train(self) -> int:
        """How many train."""
        return self.group.devices

    @property
    def rewarding(self) -> int:
        """How many the other roles run on while one is trained: those that serve, else that of the first process."""
        return self.serve or 1

    @property
    def asking(self) -> int:
        """How many a server spreads over while nothing is trained."""
        return self.first_node + self.serve


def placement_of(config: Config) -> Placement:
    """The devices that a config asks for; `auto` counts as one. The role with the fewest devices decides."""
    counts = [config.devices.of("follower")]
    if config.instructor.train:
        counts.append(config.devices.of("instructor"))
    train = min(1 if count == "auto" else count for count in counts)
    count = train * config.nodes
    return Placement(
        Group(count, config.sharding),
        config.devices.serve if config.engine.kind == "vllm" else 0,
        train,
        config.nodes,
        started=count > 1 or config.sharding != "none" or bool(config.launcher) or config.devices.serve > 0,
    )
