"""On how many devices a run trains and serves."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from seif.config.section import Section

Count = Literal["auto"] | int
"""Of devices on each node; `auto`: as many as there are and divide the batch."""
MOST_DEVICES = 1024
"""Of one node."""
Role = Literal["instructor", "follower", "reward_model"]
"""What a training stage trains."""


class Devices(Section):
    """Devices of each node: GPUs, or processes where there are none. One number, or `auto`, is `train` alone."""

    train: Count = Field(default="auto", description="For every training stage; one process each.")
    instructor: Count | None = Field(default=None, description="For the Instructor's training; `train` by default.")
    follower: Count | None = Field(default=None, description="For the Follower's training; `train` by default.")
    reward_model: Count | None = Field(default=None, description="For the reward model's training; `train` by default.")
    serve: int = Field(
        default=0,
        ge=0,
        le=MOST_DEVICES,
        description="GPUs set apart for vLLM servers on the first node, the last ones; "
        "0: servers use the devices that train.",
    )

    @field_validator("train", "instructor", "follower", "reward_model", mode="before")
    @classmethod
    def _is_a_count(cls, value: Any) -> Any:
        if value not in (None, "auto") and (type(value) is not int or not 1 <= value <= MOST_DEVICES):
            raise ValueError(f"{value!r} is not a number of devices: give 1 to {MOST_DEVICES}, or auto")
        return value

    def of(self, role: Role) -> Count:
        """For the training of `role`."""
        own: Count | None = getattr(self, role)
        return self.train if own is None else own
