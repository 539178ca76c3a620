"""What every section of a config is, and the types that several of them share."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Literal

from pydantic import BaseModel, ConfigDict

TrainingType = Literal["auto", "bfloat16", "float32"]
TRAINING_TYPE = (
    "`auto`: float32 weights, computed with in the run's `dtype`; "
    "`bfloat16`: the weights are bf16 too, which halves their memory; "
    "`float32`: computed with in float32 too. With `lora` this is about the base; an adapter is float32."
)


YEAR = 366 * 24 * 3600.0
"""Seconds: the longest time to wait for anything."""
MOST_TOKENS = 100_000_000
"""Of one text; no model has such a context."""
MOST_STEPS = 1_000_000
"""Of one training stage."""


class Section(BaseModel):
    """A part of the config: unknown keys are refused, values are not converted, numbers are finite, and nothing
    changes after reading.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        # pydantic's own signature spells out every default, those of whole sections too: a page of `help`.
        cls.__signature__ = Signature([Parameter("keys", Parameter.VAR_KEYWORD)])
