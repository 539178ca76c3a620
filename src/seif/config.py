"""The typed config tree.

Every field's description is the reference for users. The defaults are the paper's settings (SEIF, arXiv 2605.07465,
hyper-parameter table); a config file states only what differs.
"""

from __future__ import annotations

import re
from types import UnionType
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

MOVABLE_KEYS = (
    *(
        f"engine.{key}"
        for key in ("base_urls", "api_key_env", "concurrency", "requests_per_minute", "timeout", "retries")
    ),
    *(f"engine.vllm.{key}" for key in ("python", "args", "env", "startup", "restarts")),
)
"""Config keys that say where and how a server is asked, which a run may change when it resumes."""
TrainingType = Literal["auto", "bfloat16", "float32"]
_TRAINING_TYPE = (
    "`auto`: float32 weights, computed with in the run's `dtype`; "
    "`bfloat16`: the weights are bf16 too, which halves their memory; "
    "`float32`: computed with in float32 too. With `lora` this is about the base; an adapter is float32."
)
Loss = Literal["bnpo", "cispo", "dapo", "dr_grpo", "grpo", "luspo", "sapo", "vespo"]
"""The losses of TRL's GRPOTrainer."""
ALL_LINEAR = "all-linear"
"""What peft calls all linear layers but the head."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Grpo(_Section):
    """Group-relative policy optimisation, as TRL's GRPOTrainer does it."""

    learning_rate: float = Field(default=1e-6, gt=0, description="AdamW's learning rate, constant.")
    prompts_per_step: int = Field(default=384, ge=1, description="Prompts per step (the rollout batch).")
    samples: int = Field(default=5, ge=2, description="n, completions per prompt: the group.")
    updates_per_step: int = Field(
        default=4, ge=1, description="Optimiser updates per step; the update batch is prompts x samples / this."
    )
    micro_batch: int = Field(default=4, ge=1, description="Completions per forward and backward on one device.")
    kl: float = Field(
        default=0.01,
        ge=0,
        description="Coefficient of the KL penalty to the starting checkpoint (low-variance estimator).",
    )
    clip_low: float = Field(default=0.2, gt=0, description="The policy ratio is clipped at 1 - this.")
    clip_high: float = Field(default=0.3, gt=0, description="The policy ratio is clipped at 1 + this.")
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's weight decay.")
    max_grad_norm: float = Field(default=1.0, gt=0, description="Gradients are clipped to this norm.")
    temperature: float = Field(
        default=1.0, gt=0, description="Sampling temperature of rollouts. top_p stays 1 and top_k 0."
    )
    max_prompt_tokens: int = Field(default=2048, ge=1, description="A longer prompt is refused before training starts.")
    max_new_tokens: int = Field(
        default=8192, ge=1, description="A completion without an end token after this many earns 0."
    )
    gradient_checkpointing: bool = Field(
        default=True, description="Recompute activations in the backward pass: less memory, more time."
    )
    save_every: int = Field(default=1, ge=1, description="Steps between checkpoints.")
    dtype: TrainingType = Field(default="auto", description=_TRAINING_TYPE)
    sampler: Literal["engine", "vllm"] = Field(
        default="engine", description="Who samples rollouts: the in-process engine, or vLLM through TRL."
    )
    loss: Loss = Field(default="dapo", description="TRL's `loss_type`.")
    extra: dict[str, Any] = Field(
        default={},
        description="Further settings of TRL's GRPOConfig by their names "
        "there, e.g. {importance_sampling_level: sequence}.",
    )

    @model_validator(mode="after")
    def _whole_batches(self) -> Grpo:
        if (self.prompts_per_step * self.samples) % self.updates_per_step:
            raise ValueError("prompts_per_step x samples must be a multiple of updates_per_step")
        return self


class Template(_Section):
    """One of the Instructor's prompts."""

    prompt: Literal["hard", "soft"] = Field(
        description="Which prompt: `hard` asks for rule-like constraints, `soft` for open ones."
    )
    constraints: int = Field(ge=1, le=10, description="How many constraints it asks for.")


class Instructor(_Section):
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


class Filter(_Section):
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


class Judger(_Section):
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


class Follower(_Section):
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


class SuiteEntry(_Section):
    """An evaluation suite that every turn runs."""

    name: str = Field(min_length=1, description="A registered suite: `ifeval`, `lm-eval:TASK`, or one of your own.")
    prompts: str | None = Field(default=None, min_length=1, description="The suite's file of prompts.")
    limit: int | None = Field(default=None, ge=1, description="Only the first so many prompts.")
    include_path: str | None = Field(
        default=None, min_length=1, description="`lm-eval`: a folder with tasks of your own."
    )


class Evaluation(_Section):
    """Held-out tasks, checked by verifiers alone, and further suites."""

    max_new_tokens: int | None = Field(
        default=None, ge=1, description="Length limit of answers; the Follower's by default."
    )
    tasks: int | None = Field(
        default=None, ge=1, description="Only the first so many held-out tasks; all of them by default."
    )
    showcase: int = Field(
        default=3, ge=0, description="Seeds whose instructions and answers are kept per turn for the report."
    )
    judger: bool = Field(default=True, description="Measure the Judger against the verifiers.")
    judged: int | None = Field(
        default=None, ge=1, description="Only on the answers to the first so many tasks; all of them by default."
    )
    suites: tuple[SuiteEntry, ...] = Field(
        default=(),
        strict=False,
        description="Further suites to run every turn: names, or {name, prompts, limit, include_path}.",
    )

    @field_validator("suites", mode="before")
    @classmethod
    def _a_name_is_an_entry(cls, value: Any) -> Any:
        return (
            [{"name": entry} if isinstance(entry, str) else entry for entry in value]
            if isinstance(value, list)
            else value
        )

    @model_validator(mode="after")
    def _each_suite_once(self) -> Evaluation:
        names = [entry.name for entry in self.suites]
        if len(set(names)) < len(names):
            raise ValueError("suites: each name may be listed once")
        return self


class Vllm(_Section):
    """The vLLM servers that `kind: vllm` starts (docs/engines.md)."""

    python: str | None = Field(
        default=None,
        min_length=1,
        description="The Python of an environment with vLLM; by default the one that runs seif.",
    )
    args: tuple[str, ...] = Field(
        default=(), strict=False, description="Further flags of the server, e.g. [--gpu-memory-utilization, '0.4']."
    )
    env: dict[str, str] = Field(
        default={},
        description="Further environment of the server, e.g. {CUDA_VISIBLE_DEVICES: '1'}; it inherits yours.",
    )
    startup: float = Field(default=900.0, gt=0, description="Seconds in which a server must be up.")
    restarts: int = Field(default=3, ge=0, description="How often per stage a server that crashed is started again.")

    @model_validator(mode="after")
    def _leaves_the_rest_to_us(self) -> Vllm:
        for flag in (arg.partition("=")[0].replace("_", "-") for arg in self.args):
            if flag in (
                "--model",
                "--host",
                "--port",
                "--served-model-name",
                "--api-key",
                "--enable-lora",
                "--max-lora-rank",
            ):
                raise ValueError(f"args: {flag} is set by seif itself; leave it out")
        for name in self.env:
            if re.search(r"(KEY|TOKEN|SECRET|PASSWORD)$", name.upper()):
                raise ValueError(
                    f"env is written into the run directory; export {name} "
                    "in your own environment, which the server inherits"
                )
        return self


class EngineSettings(_Section):
    """Where the frozen roles (Filter, answerer, Judger) run, and what is evaluated. What a run trains runs in
    process."""

    kind: Literal["local", "openai", "vllm"] = Field(
        default="local",
        description="`local`: in process; `openai`: the weights of `model` are served "
        "by an OpenAI-compatible server, the checkpoints that a run "
        "makes run in process; `vllm`: vLLM servers that seif starts and stops serve all of them.",
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="Type of the weights, in process and with `vllm`; `auto`: the run's `dtype`."
    )
    token_budget: int = Field(
        default=49_152, ge=512, description="In process: rows x tokens of one forward; less needs less memory."
    )
    base_urls: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="`openai`: the server, e.g. http://127.0.0.1:8000/v1; several are replicas.",
    )
    api_key_env: str = Field(
        default="OPENAI_API_KEY",
        description="Name of the environment variable with the key; the key itself is never written down.",
    )
    served_model: str | None = Field(
        default=None, min_length=1, description="The model's name on the server; `model` by default."
    )
    concurrency: int = Field(default=128, ge=1, description="Requests under way at once, over all replicas.")
    requests_per_minute: float | None = Field(
        default=None, gt=0, description="Requests are spaced to keep below this; no limit by default."
    )
    timeout: float = Field(default=600.0, gt=0, description="Seconds for one attempt of a request.")
    retries: int = Field(default=10, ge=0, description="Further attempts of a failed request, with growing waits.")
    cache: bool | None = Field(
        default=None,
        description="Keep verdicts in the run directory, so that a repeated "
        "scoring asks nothing. By default only where they are served: "
        "in process a verdict's batch can tip one that is on the edge.",
    )
    vllm: Vllm = Vllm()

    @model_validator(mode="after")
    def _knows_whom_to_ask(self) -> EngineSettings:
        if self.kind == "openai" and not self.base_urls:
            raise ValueError("kind: openai needs base_urls, e.g. base_urls: [http://127.0.0.1:8000/v1]")
        if self.kind != "openai" and (self.base_urls or self.served_model):
            raise ValueError("base_urls and served_model go with kind: openai")
        for url in self.base_urls:
            _check_base_url(url)
        if not (self.api_key_env.isidentifier() and self.api_key_env.isascii()):
            raise ValueError(
                "api_key_env is the name of an environment variable, such as OPENAI_API_KEY, and not the key"
            )
        return self


def _check_base_url(url: str) -> None:
    """Raises ValueError, without the URL where it may hold a secret."""
    try:
        parts = urlsplit(url)
        port_is_a_number = parts.port != 0
    except ValueError:
        port_is_a_number = False
    if not port_is_a_number or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"base_urls: {url!r} is no URL; it looks like http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "base_urls hold scheme, host, port and path alone; a key "
            "belongs into the environment variable that api_key_env names"
        )


class Chat(_Section):
    """How the model's family writes chats (src/seif/chat.py). Only what differs from `format` is given."""

    format: str = Field(
        default="default",
        min_length=1,
        description="`default`: thoughts in <think>..</think>; `deepseek-r1`: the template opens them; or a plugin's.",
    )
    template_kwargs: dict[str, Any] = Field(
        default={}, description="Variables of the chat template, e.g. {enable_thinking: false}."
    )
    think_start: str | None = Field(
        default=None, min_length=1, description="What the model writes before a thought; the format's by default."
    )
    think_end: str | None = Field(
        default=None, min_length=1, description="What it writes after a thought; the format's by default."
    )
    opens_thought: bool | None = Field(
        default=None, description="Whether the template itself writes `think_start` before the reply."
    )


class Lora(_Section):
    """Train low-rank adapters instead of all weights, as peft does (docs/lora.md). Without this section all weights
    are trained."""

    r: int = Field(default=16, ge=1, description="Rank of an adapter.")
    alpha: int = Field(default=32, ge=1, description="What an adapter adds is scaled by alpha / r.")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Share of an adapter's inputs that is dropped in training."
    )
    target_modules: tuple[str, ...] = Field(
        (ALL_LINEAR,),
        min_length=1,
        strict=False,
        description="Layers to adapt, by the ends of their names (q_proj, ...); `all-linear`: all but the head.",
    )

    @field_validator("target_modules", mode="before")
    @classmethod
    def _one_name_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _all_or_names(self) -> Lora:
        if ALL_LINEAR in self.target_modules and len(self.target_modules) > 1:
            raise ValueError(f"target_modules are either {ALL_LINEAR} or names of layers")
        return self


class RewardModel(_Section):
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
    learning_rate: float = Field(default=5e-6, gt=0, description="AdamW's learning rate, falling linearly to 0.")
    epochs: int = Field(
        default=3, ge=1, description="Passes over the pseudo-labels; the epoch with the least held-out loss is kept."
    )
    batch_size: int = Field(default=32, ge=1, description="Pairs per update.")
    micro_batch: int = Field(default=8, ge=1, description="Pairs per forward and backward.")
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's weight decay.")
    max_length: int | None = Field(
        default=None,
        ge=16,
        description="Tokens of question, response and constraint; a longer "
        "response loses its middle. By default the model's context.",
    )
    eval_share: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="Share of the questions whose pairs are held out, to choose the epoch, calibrate and measure.",
    )
    dtype: TrainingType = Field(default="auto", description=_TRAINING_TYPE)
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


class General(_Section):
    """Questions with a known answer, mixed into the Follower's training to keep what it knows beside following."""

    train: str | None = Field(
        default=None,
        min_length=1,
        description="File with `prompt` and `answer` rows; the reward is 1 for that answer in \\boxed{}, else 0.",
    )
    share: float = Field(default=0.1, gt=0, lt=1, description="Their share of every batch.")
    held_out: str | None = Field(default=None, min_length=1, description="Such rows for the evaluation.")


class SelfSupervised(_Section):
    """Learning from instructions alone, with a classifier as the Judger (arXiv 2510.14420; docs/self_supervised.md)."""

    soft_types: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Constraint types that no rule may judge in training; the verifiers still measure them.",
    )
    hard_labels: bool = Field(default=False, description="The classifier pays 0 or 1 and not its probability.")
    curriculum: Literal["none", "in_order", "mixed"] = Field(
        default="none",
        description="The Follower trains on: `none`: whole instructions; "
        "`in_order`: first those cut to one constraint, then to two, ...; "
        "`mixed`: all of these at once.",
    )
    answers: int = Field(
        default=1, ge=1, description="Answers per level of an instruction, from which pseudo-labels are made."
    )
    temperature: float = Field(default=0.7, ge=0, description="Temperature of those answers.")
    contrasts: bool = Field(
        default=False,
        description="Also take an answer to violate the same wording with another "
        "number or other quoted words, so that labels tell how many.",
    )
    reward_model: RewardModel = RewardModel()
    general: General = General()

    @model_validator(mode="after")
    def _answers_that_differ(self) -> SelfSupervised:
        if self.answers > 1 and self.temperature == 0:
            raise ValueError("answers above 1 need a temperature above 0, or they are all the same")
        return self


class Config(_Section):
    """A whole run."""

    model: str = Field(description="Directory or hub id of the causal LM from which all four roles start.")
    seeds: str | None = Field(default=None, description="Parquet, JSONL or JSON file with a `prompt` column.")
    instructions: str | None = Field(
        default=None,
        min_length=1,
        description="Instructions to train on (the released schema or "
        "verl-if's) instead of letting an Instructor write them.",
    )
    held_out: str | None = Field(
        default=None, description="Tasks in the released schema with ids and kwargs; absent: no held-out evaluation."
    )
    benchmark_prompts: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Files of benchmark prompts; seeds that overlap with them, or with `held_out`, are left out.",
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
    turns: int = Field(default=3, ge=1, description="Rounds of the loop.")
    seed: int = Field(default=0, ge=0, description="Everything random derives from it.")
    report_to: tuple[str, ...] = Field(
        default=(), strict=False, description="Trackers: trackio, wandb, tensorboard, or a plugin's."
    )
    rollouts: int = Field(default=8, ge=0, description="Samples per step kept in rollouts/*.jsonl.")
    instructor: Instructor = Instructor()
    filter: Filter = Filter()
    judger: Judger = Judger()
    follower: Follower = Follower()
    evaluation: Evaluation = Evaluation()
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


def differing_keys(a: Config, b: Config) -> list[str]:
    """Dotted names of the keys whose values differ."""

    def flat(node: Any, prefix: str) -> dict[str, Any]:
        if not isinstance(node, dict):
            return {prefix: node}
        return {
            k: v for name, child in node.items() for k, v in flat(child, f"{prefix}.{name}" if prefix else name).items()
        }

    left, right = flat(a.model_dump(mode="json"), ""), flat(b.model_dump(mode="json"), "")
    return sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))
