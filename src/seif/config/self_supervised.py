"""Learning from instructions alone, with a classifier as the Judger."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from seif.config.section import MOST_TOKENS, TRAINING_TYPE, Section, TrainingType


class RewardModel(Section):
    """The classifier that judges, and how it is trained (arXiv 2510.14420)."""

    base: str | None = Field(
        default=None,
        min_length=1,
        description="Where its training starts: a checkpoint directory or hub id; `model` by default.",
    )
    checkpoint: str | None = Field(
        default=None,
        min_length=1,
        description="A sequence classifier with two labels to judge with, instead of training one.",
    )
    url: str | None = Field(
        default=None, min_length=1, description="A running `seif serve reward-model` to ask, instead of training one."
    )
    learning_rate: float = Field(
        default=5e-6, gt=0, le=100, description="AdamW's learning rate, falling linearly to 0."
    )
    epochs: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="Passes over the pseudo-labels; the epoch with the least held-out loss is kept.",
    )
    batch_size: int = Field(default=32, ge=1, le=1_000_000, description="Pairs per update.")
    micro_batch: int = Field(default=8, ge=1, le=1_000_000, description="Pairs per forward and backward.")
    weight_decay: float = Field(default=0.01, ge=0, le=1000, description="AdamW's weight decay.")
    max_length: int | None = Field(
        default=None,
        ge=16,
        le=MOST_TOKENS,
        description="Tokens of question, response and constraint; a longer "
        "response loses its middle. By default the model's context.",
    )
    eval_share: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="Share of the questions whose pairs are held out, to choose the epoch, calibrate and measure.",
    )
    dtype: TrainingType = Field(default="auto", description=TRAINING_TYPE)
    gradient_checkpointing: bool = Field(
        default=True, description="Recompute activations in the backward pass: less memory, more time."
    )

    @model_validator(mode="after")
    def _one_source(self) -> RewardModel:
        if self.checkpoint and self.url:
            raise ValueError("give `checkpoint` or `url`, not both")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url: {self.url!r} is no URL; it looks like http://127.0.0.1:8001")
        return self

    @property
    def given(self) -> bool:
        """Whether a finished one is used, so that none is trained."""
        return bool(self.checkpoint or self.url)


class General(Section):
    """Questions with a known answer, mixed into the Follower's training to keep what it knows beside following."""

    train: str | None = Field(
        default=None,
        min_length=1,
        description="File with `prompt` and `answer` rows; the reward is 1 for that answer in \\boxed{}, else 0.",
    )
    share: float = Field(default=0.1, gt=0, lt=1, description="Their share of every batch.")
    held_out: str | None = Field(default=None, min_length=1, description="Such rows for the evaluation.")


class SelfSupervised(Section):
    """Learning from instructions alone, with a classifier as the Judger (arXiv 2510.14420; docs/self_supervised.md)."""

    soft_types: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Constraint types that no rule may judge in training; the verifiers still measure them.",
    )
    hard_labels: bool = Field(
        default=False, description="The reward is the classifier's verdict, 0 or 1, and not its probability."
    )
    curriculum: Literal["none", "in_order", "mixed"] = Field(
        default="none",
        description="The Follower trains on: `none`: whole instructions; "
        "`in_order`: first those cut to one constraint, then to two, ...; "
        "`mixed`: all of these at once.",
    )
    answers: int = Field(
        default=1, ge=1, le=1000, description="Answers per level of an instruction, from which pseudo-labels are made."
    )
    temperature: float = Field(default=0.7, ge=0, le=100, description="Temperature of those answers.")
    contrasts: bool = Field(
        default=False,
        description="Also take an answer to violate the same wording with another "
        "number or other quoted words, so that labels tell how many.",
    )
    label_noise: float = Field(
        default=0.0, ge=0, le=0.5, description="Share of the pseudo-labels that are flipped at random, for studies."
    )
    reward_model: RewardModel = RewardModel()
    general: General = General()

    @model_validator(mode="after")
    def _answers_that_differ(self) -> SelfSupervised:
        if self.answers > 1 and self.temperature == 0:
            raise ValueError("answers above 1 need a temperature above 0, or they are all the same")
        return self
