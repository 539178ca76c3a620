"""What a training stage is given: its job, and the log to which it reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seif.chat import DEFAULT, ChatFormat
from seif.config import Grpo, Lora
from seif.engines.base import Messages
from seif.engines.precision import TrainingTypes, training_types
from seif.types import Json


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """What every training stage needs, whatever it trains."""

    model: str
    """Where training starts: a checkpoint directory or hub id."""
    seed: int
    work: Path
    """Checkpoints live here while the stage runs."""
    out: Path
    """The trained model; it appears only when the stage is done."""
    dtype: str = "float32"
    """What the run computes in."""
    attn_implementation: str | None = None


@dataclass(frozen=True, kw_only=True)
class GrpoJob(TrainingJob):
    """One GRPO stage."""

    prompts: Sequence[Messages]
    steps: int
    settings: Grpo
    chat: ChatFormat = DEFAULT
    token_budget: int = 49_152
    """Rows x tokens of one forward of the in-process sampler."""
    lora: Lora | None = None
    """Train an adapter: a fresh one, or `model` itself if it is one."""
    order: tuple[int, ...] = ()
    """Indices into `prompts`, steps x prompts_per_step of them, in the order in which they are read; `data_order`
    gives the default."""
    rewarded_by: Json = field(default_factory=dict)
    """What the reward depends on: settings, and which models give it."""

    def identity(self) -> list[Any]:
        """What two equal jobs have in common, as JSON values."""
        lora = self.lora and self.lora.model_dump()
        return [
            self.model,
            self.prompts,
            self.steps,
            # How often a checkpoint is written may change.
            self.settings.model_copy(update={"save_every": 1}).model_dump(),
            self.seed,
            lora,
            self.order,
            self.chat.fingerprint,
            self.rewarded_by,
        ]

    @property
    def types(self) -> TrainingTypes:
        """Of the weights, and of forward and backward."""
        return training_types(self.settings.dtype, self.dtype)

    def loading(self) -> dict[str, str]:
        """What transformers gets to load the weights with."""
        attention = {"attn_implementation": self.attn_implementation} if self.attn_implementation else {}
        return {"dtype": self.types.weights, **attention}
