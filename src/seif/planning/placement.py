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

    @property
    def train(self) -> int:
        """How many train."""
        return self.group.devices

    @property
    def frozen(self) -> int:
        """How many the roles run on that are not trained: without servers, the first process has them."""
        return self.serve or 1


def placement_of(config: Config) -> Placement:
    """The devices that a config asks for; `auto` counts as one. The role with the fewest devices decides."""
    counts = [config.devices.of("follower")]
    if config.instructor.train:
        counts.append(config.devices.of("instructor"))
    train = min(1 if count == "auto" else count for count in counts)
    return Placement(Group(train * config.nodes, config.sharding), config.devices.serve)
