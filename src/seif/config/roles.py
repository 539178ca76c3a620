"""The four roles."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from seif.config.section import MOST_STEPS, MOST_TOKENS, Section
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
        description="`adversarial`: 1 - A (the paper); `learnability` (also `frontier`): 4p(1-p); `solvable`: 1 - p "
        "where 0 < p < 1, else 0; `random`: a control; or one of a plugin.",
    )
    per_constraint: bool = Field(
        default=False,
        description="The reward is the mean over constraints, each rewarded by its own p; by default p is the "
        "instruction's.",
    )
    answers: int = Field(
        default=1, ge=1, le=1000, description="Answers per instruction behind A and p; the paper takes 1."
    )
    share_penalty: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="Weight of the penalty on constraints, by type and value, that fill the batch (against mode "
        "collapse).",
    )
    archive_penalty: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="Weight of the penalty on constraints, by type and value, that filled the pools of earlier turns.",
    )
    types: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Constraint types that `allocation` asks for; by default those with a rule that the prompts name.",
    )
    allocation: Literal["none", "even", "bandit"] = Field(
        "none",
        description="What the Instructor is asked to write. `none`: only how many constraints; `even`: also their "
        "types, evenly drawn; `bandit`: types and number drawn by how much 4p(1-p) they had in the turns before.",
    )
    explore: float = Field(default=0.2, ge=0, le=1, description="`bandit`: the share of its draws that is even.")
    seeds_per_turn: int | None = Field(
        default=None,
        ge=1,
        le=10**9,
        description="Only so many seeds get an instruction in a turn, drawn anew; all by default.",
    )
    candidates: int = Field(
        default=1, ge=1, le=1000, description="Instructions per seed that pass the Filter; one stays."
    )
    probes: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="The frontier gate: answers to each candidate; the one with the most 4p(1-p) per constraint stays, "
        "and what is always or never satisfied is dropped. 0: no gate.",
    )
    type_quota: float = Field(
        default=0.2, gt=0, le=1, description="The gate: no type is more than this share of the pool's constraints."
    )
    edits: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the seeds whose instruction of the turn before is also a candidate, edited: a "
        "constraint is appended or tightened where it was followed (p > .8), dropped where it was not (p < .1).",
    )
    known_types: bool = Field(default=False, description="A set with a constraint of no known type is invalid.")
    templates: tuple[Template, ...] = Field(
        (Template(prompt="hard", constraints=3), Template(prompt="soft", constraints=5)),
        min_length=1,
        strict=False,
        description="Prompts, drawn evenly and seeded per seed question.",
    )
    epochs: int = Field(default=1, ge=1, le=10_000, description="Passes over the seeds per turn.")
    steps: int | None = Field(default=None, ge=1, le=MOST_STEPS, description="Steps per turn; overrides epochs.")
    attempts: int = Field(
        default=1,
        ge=1,
        le=250,
        description="Tries per seed when instructions are generated; a refused one is drawn again.",
    )
    generation_temperature: float = Field(
        default=0.7, ge=0, le=100, description="Temperature when instructions are generated."
    )
    grpo: Grpo = Grpo()

    @model_validator(mode="after")
    def _mechanisms_go_together(self) -> Instructor:
        if self.per_constraint and self.answers < 2:
            raise ValueError("per_constraint needs a p for each constraint: set answers to 2 or more")
        if self.per_constraint and self.reward == "random":
            raise ValueError("reward: random reads no p, so per_constraint has no effect on it: remove one of the two")
        if self.candidates > 1 and not self.probes:
            raise ValueError("candidates are chosen by probes: set probes to 1 or more, or candidates: 1")
        if self.edits and not self.probes:
            raise ValueError("edits are further candidates, which probes choose from: set probes to 1 or more")
        if self.types and self.allocation == "none":
            raise ValueError("types are what allocation asks for: set allocation: even or bandit")
        if self.allocation != "none" and any(template.prompt == "soft" for template in self.templates):
            raise ValueError(
                "allocation asks for types that rules check, and soft templates for open constraints: give hard "
                "templates alone, e.g. templates: [{prompt: hard, constraints: 3}]"
            )
        if self.types and self.probes and len(self.types) * self.type_quota < 1 - 1e-9:
            least = math.ceil(100 / len(self.types)) / 100
            raise ValueError(
                f"type_quota: {self.type_quota:g} needs at least {math.ceil(1 / self.type_quota)} types, and `types` "
                f"names {len(self.types)}: raise it to {least:g}"
            )
        return self


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
        default=512, ge=1, le=MOST_TOKENS, description="Length limit of the Filter's reasoning (prompts: full)."
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
    weights: Literal["previous", "base", "anchored"] = Field(
        default="previous",
        description="`previous`: the Follower of the turn before (the paper); `base`: the base, which filters as "
        "well; `anchored`: the previous, its verdicts corrected by the error rates of the `audit`.",
    )
    checkpoint: str | None = Field(
        default=None,
        min_length=1,
        description="`base`: another checkpoint, which filters and judges in the base's place: a directory or hub id.",
    )
    min_reliability: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="With an `audit`: a type whose lower bound of J = TPR - FPR is below this is unjudged in the next "
        "turn's rewards.",
    )
    max_new_tokens: int = Field(default=1024, ge=1, le=MOST_TOKENS, description="Length limit of a generative verdict.")
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

    @model_validator(mode="after")
    def _a_given_checkpoint_stays(self) -> Judger:
        if self.checkpoint and self.weights != "base":
            raise ValueError("a given checkpoint judges in every turn: set weights: base")
        return self


class Follower(Section):
    """The role that learns to follow instructions."""

    epochs: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field(
        default=(3, 1, 1), min_length=1, strict=False, description="Passes per turn; the last one repeats."
    )
    steps: int | None = Field(default=None, ge=1, le=MOST_STEPS, description="Steps per turn; overrides epochs.")
    reward: str = Field(
        default="constraint_mean",
        description="`constraint_mean`: the share of satisfied constraints (the paper); "
        "`all_or_nothing`: 1 only for all of them; `random`: a control; or one of a plugin.",
    )
    hindsight: bool = Field(
        default=False,
        description="An instruction that no rollout of the turn before followed whole comes back with the constraints "
        "that its best rollout satisfied, at most a quarter of a turn's instructions; for `all_or_nothing`.",
    )
    replay: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the instructions of a turn's steps that comes from earlier turns' pools.",
    )
    format: Literal["plain", "think_answer", "reasoning"] = Field(
        "think_answer",
        description="`plain`; `think_answer`: <think>..</think><answer>..</answer>; `reasoning`: after </think>.",
    )
    grpo: Grpo = Grpo()

    @model_validator(mode="after")
    def _hindsight_has_failures(self) -> Follower:
        if self.hindsight and self.reward in ("constraint_mean", "random"):
            raise ValueError("hindsight is for rewards of whole instructions: set reward: all_or_nothing")
        return self
