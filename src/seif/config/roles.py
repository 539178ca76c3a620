"""The four roles."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from seif.config.section import Section
from seif.config.training import Grpo


class Template(Section):
    """One of the Instructor's prompts."""

    prompt: Literal["hard", "soft"] = Field(
        description="Which prompt: `hard` asks for rule-like constraints, `soft` for open ones."
    )
    constraints: int = Field(ge=1, le=10, description="How many constraints it asks for.")


class Instructor(Section):
    """The role that writes instructions."""

    train: bool = Field(
        default=True, description="False: the base writes all instructions (static data, the control arm)."
    )
    reward: str = Field(
        default="adversarial",
        description="`adversarial`: 1 - A (the paper); `learnability` (also `frontier`): 4p(1-p); or one of a plugin.",
    )
    answers: int = Field(default=1, ge=1, description="Answers per instruction behind A and p; the paper takes 1.")
    share_penalty: float = Field(
        default=0.0, ge=0, description="Weight of the penalty on types that fill the batch (against mode collapse)."
    )
    known_types: bool = Field(default=False, description="A set with a constraint of no known type is invalid.")
    templates: tuple[Template, ...] = Field(
        (Template(prompt="hard", constraints=3), Template(prompt="soft", constraints=5)),
        min_length=1,
        strict=False,
        description="Prompts, drawn evenly and seeded per seed question.",
    )
    epochs: int = Field(default=1, ge=1, description="Passes over the seeds per turn.")
    steps: int | None = Field(default=None, ge=1, description="Steps per turn; overrides epochs.")
    attempts: int = Field(
        default=1, ge=1, description="Tries per seed when instructions are generated; a refused one is drawn again."
    )
    generation_temperature: float = Field(default=0.7, ge=0, description="Temperature when instructions are generated.")
    grpo: Grpo = Grpo()


class Filter(Section):
    """The role that rejects contradictory instructions."""

    rules: bool = Field(
        default=True, description="Refuse contradictions that rules can prove, before the model is asked."
    )
    model: bool = Field(default=True, description="Ask the model.")
    generation: bool = Field(
        default=True,
        description="Also filter the generated instructions; false: in the reward alone, as the released code does.",
    )
    max_new_tokens: int = Field(
        default=512, ge=1, description="Length limit of the Filter's reasoning (prompts: full)."
    )


class Judger(Section):
    """The role that gives one verdict per (answer, constraint)."""

    kind: str = Field(
        "generative",
        description="`generative`: reasons, then [[1]] or [[0]]; `logprob`: "
        "one token; `classifier`: a reward model learned from "
        "pseudo-labels (docs/self_supervised.md); `rules`: verifiers "
        "alone; `hybrid`: verifiers where the compiler is certain, else "
        "the model; or one of a plugin.",
    )
    model: str = Field(
        default="generative", description="How `hybrid` asks the model: any kind but `rules` and `hybrid`."
    )
    options: dict[str, Any] = Field(default={}, description="What a plugin's judge takes beside these keys.")
    sample: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="`hybrid` also asks the model on this share of what rules decide, to know its reliability.",
    )
    weights: Literal["previous", "base"] = Field(
        default="previous", description="`previous`: the Follower of the turn before (the paper); or the base."
    )
    max_new_tokens: int = Field(default=1024, ge=1, description="Length limit of a generative verdict.")
    max_unjudged: float = Field(
        default=0.05, ge=0, le=1, description="A larger share of unjudged verdicts in a step stops the stage."
    )

    @model_validator(mode="after")
    def _hybrid_asks_a_model(self) -> Judger:
        if self.model in ("rules", "hybrid"):
            raise ValueError(
                f"model: {self.model} is no model that `hybrid` can ask; use generative, logprob or classifier"
            )
        return self


class Follower(Section):
    """The role that learns to follow instructions."""

    epochs: tuple[int, ...] = Field(
        default=(3, 1, 1), min_length=1, strict=False, description="Passes per turn; the last one repeats."
    )
    steps: int | None = Field(default=None, ge=1, description="Steps per turn; overrides epochs.")
    reward: str = Field(
        default="constraint_mean",
        description="`constraint_mean`: the share of satisfied constraints (the paper); "
        "`all_or_nothing`: 1 only for all of them; or one of a plugin.",
    )
    format: Literal["plain", "think_answer", "reasoning"] = Field(
        "think_answer",
        description="`plain`; `think_answer`: <think>..</think><answer>..</answer>; `reasoning`: after </think>.",
    )
    grpo: Grpo = Grpo()
