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
    def devices(self) -> int:
        """How many there are."""
        return self.train + self.serve

    @property
    def frozen(self) -> int:
        """How many the roles run on that are not trained."""
        return self.serve or self.train


def placement_of(config: Config) -> Placement:
    """The devices that a config asks for; `auto` counts as one. The role with the fewest devices decides."""
    roles = ("follower", *(("instructor",) if config.instructor.train else ()))
    counts = [getattr(config.devices, role) or config.devices.train for role in roles]
    train = min(1 if count == "auto" else count for count in counts)
    return Placement(Group(train * config.nodes, config.sharding), config.devices.serve)
