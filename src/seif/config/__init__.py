"""The typed config tree.

Every field's description is the reference for users. The defaults are the paper's settings (SEIF, arXiv 2605.07465,
hyper-parameter table); a config file states only what differs.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, field_validator, model_validator

from seif.config.devices import Devices
from seif.config.engine import Chat, EngineSettings, Vllm
from seif.config.evaluation import Evaluation, Stop, SuiteEntry
from seif.config.roles import Filter, Follower, Instructor, Judger, Template
from seif.config.section import YEAR, Section, TrainingType
from seif.config.self_supervised import General, RewardModel, SelfSupervised
from seif.config.training import ALL_LINEAR, Colocate, Grpo, Lora, Loss

__all__ = [
    "ALL_LINEAR",
    "Chat",
    "Colocate",
    "Config",
    "Devices",
    "EngineSettings",
    "Evaluation",
    "Filter",
    "Follower",
    "General",
    "Grpo",
    "Instructor",
    "Judger",
    "Lora",
    "Loss",
    "RewardModel",
    "Section",
    "SelfSupervised",
    "Stop",
    "SuiteEntry",
    "Template",
    "TrainingType",
    "Vllm",
    "section_of",
]


class Config(Section):
    """A whole run."""

    model: str = Field(
        min_length=1, description="Directory or hub id of the causal LM from which all four roles start."
    )
    seeds: str | None = Field(
        default=None,
        min_length=1,
        description="Parquet, JSONL, JSON, CSV or TXT file of questions: a `prompt` column, or one a line.",
    )
    seeds_column: str | None = Field(
        default=None,
        min_length=1,
        description="The column of `seeds` that holds the questions; by default `prompt`, or else one of messages, "
        "instruction, question, query and text, where there is one of these alone.",
    )
    instructions: str | None = Field(
        default=None,
        min_length=1,
        description="Instructions to train on (the released schema or "
        "verl-if's) instead of letting an Instructor write them.",
    )
    held_out: str | None = Field(
        default=None,
        min_length=1,
        description="Tasks in the released schema with ids and kwargs; absent: no held-out evaluation.",
    )
    held_out_types: str | None = Field(
        default=None,
        min_length=1,
        description="Tasks like `held_out`, of constraint types that no Instructor may write: what holds one is "
        "invalid. They are measured apart.",
    )
    audit: str | None = Field(
        default=None,
        min_length=1,
        description="Tasks like `held_out`, of other questions, on which every turn checks its judge (docs/audit.md); "
        "absent: no audit.",
    )
    benchmark_prompts: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Files of benchmark prompts; seeds that overlap with them, or with `held_out`, `held_out_types` or "
        "`audit`, are left out.",
    )
    plugins: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Python files and modules (path.py, package.module) that register parts of your own: "
        "constraint types, rewards, judges, evaluation suites, report sections (docs/extending.md).",
    )
    dtype: TrainingType = Field(
        default="auto",
        description="What models compute in. `auto`: bf16 where the hardware has "
        "units for it, else float32; a run that is resumed keeps its type.",
    )
    attn_implementation: str | None = Field(
        default=None, description="transformers' attention for models in process; by default it chooses."
    )
    prompts: str = Field(
        default="full",
        min_length=1,
        description="Wording of the roles: `full`; `compact`, for very small "
        "models; or a folder with *.jinja files of your own, "
        "named as those in src/seif/roles/prompts/full, which stand in for the ones it lacks.",
    )
    turns: int = Field(default=3, ge=1, le=10_000, description="Rounds of the loop.")
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="Everything random derives from it.")
    report_to: tuple[str, ...] = Field(
        default=(), strict=False, description="Trackers: trackio, wandb, tensorboard, or a plugin's."
    )
    devices: Devices = Field(
        default=Devices(),
        description="`auto`, a number, or a number for each role: how many devices of a node train, one process each.",
    )
    nodes: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="Machines that train together; the same command runs on each (docs/scale.md).",
    )
    sharding: Literal["none", "fsdp2"] = Field(
        default="none",
        description="`fsdp2`: weights, gradients and optimizer state are spread over the training devices; GPUs alone.",
    )
    launcher: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Command that starts the training processes instead of torchrun, e.g. [accelerate, launch]; "
        "`-m seif.distributed.worker JOB` is appended.",
    )
    join_timeout: float = Field(
        default=600.0,
        gt=0,
        le=YEAR,
        description="Seconds in which all nodes must have joined, and training processes be up.",
    )
    step_timeout: float = Field(
        default=7200.0,
        gt=0,
        le=YEAR,
        description="A training stage of several processes without a step for this long has hung.",
    )
    rollouts: int = Field(default=8, ge=0, le=100_000, description="Samples per step kept in rollouts/*.jsonl.")
    instructor: Instructor = Instructor()
    filter: Filter = Filter()
    judger: Judger = Judger()
    follower: Follower = Follower()
    evaluation: Evaluation = Evaluation()
    stop: Stop = Stop()
    engine: EngineSettings = EngineSettings()
    chat: Chat = Chat()
    self_supervised: SelfSupervised = SelfSupervised()
    lora: Lora | None = None

    @property
    def judging_model(self) -> str:
        """How the Judger asks a model; `rules` where it asks none."""
        return self.judger.model if self.judger.kind == "hybrid" else self.judger.kind

    @property
    def answer_tokens(self) -> int:
        """Length limit of answers in the evaluation."""
        return self.evaluation.max_new_tokens or self.follower.grpo.max_new_tokens

    @property
    def trains_reward_model(self) -> bool:
        """Whether turns train the classifier that judges."""
        return self.judging_model == "classifier" and not self.self_supervised.reward_model.given

    @property
    def samples_on_servers(self) -> bool:
        """Whether rollouts of a role that is trained come from a vLLM server."""
        trained = (self.follower.grpo, *([self.instructor.grpo] if self.instructor.train else []))
        return any(grpo.sampler == "served" for grpo in trained)

    @field_validator("devices", mode="before")
    @classmethod
    def _one_number_is_for_training(cls, value: Any) -> Any:
        return {"train": value} if isinstance(value, int | str) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _instructions_are_given_or_written(self) -> Config:
        if self.instructions is not None and self.instructor.train:
            raise ValueError("instructions are given or written: with `instructions`, set instructor.train: false")
        if self.self_supervised.soft_types and self.judger.kind == "rules":
            raise ValueError(
                "self_supervised.soft_types hide rules from the Judger, "
                "and judger.kind: rules has nothing else; use hybrid"
            )
        return self

    @model_validator(mode="after")
    def _given_instructions_are_not_chosen(self) -> Config:
        settings = self.instructor
        asked = {
            "instructor.probes": settings.probes > 0,
            "instructor.seeds_per_turn": settings.seeds_per_turn is not None,
            "follower.replay": self.follower.replay > 0,
            "follower.hindsight": self.follower.hindsight,
        }
        if self.instructions is not None and any(asked.values()):
            key = next(key for key, is_set in asked.items() if is_set)
            raise ValueError(f"{key} is about instructions that an Instructor writes; leave it out with `instructions`")
        return self

    @model_validator(mode="after")
    def _corrections_are_audited(self) -> Config:
        if self.judger.weights != "anchored":
            return self
        if self.audit is None:
            raise ValueError("judger.weights: anchored corrects verdicts by the audit; give `audit` a file of tasks")
        if self.judging_model == "rules":
            raise ValueError(
                "judger.weights: anchored corrects what a model says, and judger.kind: rules asks none; set weights: "
                "previous or base"
            )
        if self.trains_reward_model:
            raise ValueError(
                "judger.weights: anchored corrects a judge by its own audit, and every turn trains another reward "
                "model; set weights: previous or base"
            )
        if self.follower.reward in ("all_or_nothing", "random"):
            raise ValueError(
                f"judger.weights: anchored corrects means, and follower.reward: {self.follower.reward} takes none of "
                "verdicts; set reward: constraint_mean, or weights: previous or base"
            )
        return self

    @model_validator(mode="after")
    def _instructions_come_back_whole(self) -> Config:
        asked = {
            "follower.replay": self.follower.replay > 0,
            "follower.hindsight": self.follower.hindsight,
            "instructor.edits": self.instructor.edits > 0,
        }
        if self.self_supervised.curriculum != "none" and any(asked.values()):
            key = next(key for key, is_set in asked.items() if is_set)
            raise ValueError(
                f"{key} brings instructions back whole, and self_supervised.curriculum cuts them to levels: remove one "
                "of the two"
            )
        return self

    @model_validator(mode="after")
    def _servers_can_sample(self) -> Config:
        if not self.samples_on_servers:
            return self
        if self.engine.kind != "vllm":
            raise ValueError("grpo.sampler: served asks the servers of engine.kind: vllm; set that, or sampler: engine")
        if self.lora is None:
            raise ValueError(
                "grpo.sampler: served pushes an adapter before every step, and without a `lora` section all weights "
                "are trained; add lora: {r: 16}, or set sampler: engine or vllm"
            )
        if self.lora.dropout:
            raise ValueError(
                "grpo.sampler: served compares the server's log-probabilities with the trainer's, which dropout makes "
                "random; set lora.dropout: 0"
            )
        return self

    @model_validator(mode="after")
    def _compact_prompts_exist(self) -> Config:
        full_only = (
            self.judging_model == "generative"
            or self.follower.format == "think_answer"
            or any(t.prompt == "soft" for t in self.instructor.templates)
        )
        if self.prompts == "compact" and full_only:
            raise ValueError(
                "prompts: compact goes with judger.kind logprob, classifier "
                "or rules (or hybrid with judger.model logprob or classifier), "
                "follower.format plain or reasoning, and hard templates alone"
            )
        return self


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, be it optional; None for a value."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
