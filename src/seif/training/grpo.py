"""GRPO for both roles: TRL's GRPOTrainer with an exact resume, our sampler on machines without vLLM, and step-wise logs."""

from __future__ import annotations

import asyncio
import copy
import math
import os
import random
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
from trl import GRPOConfig

from seif.config import Grpo, Lora
from seif.engines.adapter import tokenizer_of
from seif.engines.local import LocalEngine
from seif.engines.memory import release_memory, trim
from seif.engines.precision import TrainingTypes, training_types
from seif.errors import RunError, UsageError
from seif.roles.templates import Messages
from seif.scoring import item_seed
from seif.training.checkpoints import claim, mark_whole, newest_whole, step_of
from seif.training.lora import REFERENCE, adapted, check_start, plain_weights
from seif.training.trackers import finish_trackers
from seif.training.trainer import GroupedTrainer

_WALL_CLOCK = ("time", "runtime", "per_second", "profiling", "flos")
"""Logged keys that measure the machine, not the training: they differ between equal runs."""


@dataclass(frozen=True)
class Sample:
    """One completion to be paid: which dataset row it answers, its text, and whether it wrote its end token."""

    row: int
    text: str
    finished: bool


@dataclass(frozen=True)
class Payment:
    """Rewards of a step (None: unjudged), numbers for the log, records for the rollout file, and the Judger's tables per type."""

    rewards: list[float | None]
    metrics: dict[str, float]
    records: list[dict[str, Any]]
    checks: dict[str, list[int]] = field(default_factory=dict)


Reward = Callable[[list[Sample], int], Coroutine[Any, Any, Payment]]
"""(samples, step from 1) -> payment."""


@dataclass(frozen=True)
class Job:
    """One GRPO stage: where it starts, what it reads, where its checkpoints and its result go."""

    model: str
    prompts: list[Messages]
    steps: int
    settings: Grpo
    seed: int
    work: Path
    """Checkpoints live here while the stage runs."""
    out: Path
    """The trained model; it appears only when the stage is done."""
    report_to: tuple[str, ...] = ()
    name: str = "grpo"
    token_budget: int = 49_152
    """Rows x tokens of one forward of the in-process sampler."""
    dtype: str = "float32"
    """What the run computes in."""
    attn_implementation: str | None = None
    lora: Lora | None = None
    """Train an adapter: a fresh one, or `model` itself if it is one."""
    order: tuple[int, ...] = ()
    """The prompts' numbers, steps x prompts_per_step of them, as they are to be read; by default `data_order` lays them out."""

    def identity(self) -> list[Any]:
        """What makes two jobs the same one."""
        return [self.model, self.prompts, self.steps, self.settings.model_dump(), self.seed, self.lora and self.lora.model_dump(), self.order]

    @property
    def types(self) -> TrainingTypes:
        """Of the weights, and of forward and backward."""
        return training_types(self.settings.dtype, self.dtype)

    def loading(self) -> dict[str, Any]:
        """What transformers gets to load the weights with."""
        attention = {"attn_implementation": self.attn_implementation} if self.attn_implementation else {}
        return {"dtype": self.types.weights, **attention}


@dataclass
class Hooks:
    """What the caller wants to know: `resumed(step)` before the first step, `step(number, metrics, records)` after each.

    Among the metrics, `checks` holds the payment's tables where there are any.
    """

    resumed: Callable[[int], None]
    step: Callable[[int, dict[str, Any], list[dict[str, Any]]], None]


def train(job: Job, reward: Reward, hooks: Hooks, save: Callable[[Any, Any], None]) -> None:
    """Run or resume one stage, then hand the trained model and its tokenizer to `save`.

    The checkpoint, the data order and all random streams are restored on resume, so on the CPU the result is
    bit-identical to an uninterrupted run. Raises UsageError for prompts that don't fit and for a start that does not go with
    `lora`, RunError when the loss is no longer finite.
    """
    settings = job.settings
    check_start(job.model, job.lora)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of(job.model), padding_side="left")
    _check_prompts(job, tokenizer)
    claim(job.work, job.identity(), job.dtype)
    rows = list(job.order) or data_order(len(job.prompts), settings.prompts_per_step, job.steps, job.seed)
    dataset = Dataset.from_dict({"prompt": [job.prompts[row] for row in rows], "row": rows})
    payer = _Payer(reward, settings.updates_per_step)
    resume = newest_whole(job.work)
    trainer = GroupedTrainer(
        model=adapted(job.model, job.lora, job.seed, **job.loading()) if job.lora else job.model,
        reward_funcs=payer,
        args=_arguments(job),
        train_dataset=dataset,
        processing_class=tokenizer,
        rollout_func=_Sampler(job) if settings.sampler == "engine" else None,
    )
    payer.end_ids = {*trainer.eos_token_ids}
    trainer.remove_callback(PrinterCallback)
    log = _StepLog(settings.updates_per_step, payer, hooks)
    trainer.add_callback(log)
    trainer.add_callback(_Checkpoints(job.work))
    trainer.add_callback(_Reseed(job.seed))
    hooks.resumed(step_of(resume) // settings.updates_per_step)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    finish_trackers(job.report_to)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if job.lora and settings.kl:
        model.delete_adapter(REFERENCE)
    save(model, tokenizer)
    shutil.rmtree(job.work, ignore_errors=True)
    del trainer
    release_memory()


def data_order(prompts: int, per_step: int, steps: int, seed: int) -> list[int]:
    """Row numbers for `steps` batches of `per_step`: each epoch a fresh seeded permutation, its incomplete batch dropped.

    Fewer prompts than one batch are repeated until it is full.

    TRL's own sampler draws the order of an epoch from a generator that a resume does not wind forward, so a stage that
    resumed in its second epoch would read other data. Laid out beforehand, all epochs are one pass in a fixed order.
    """
    rng = random.Random(f"order/{seed}")
    whole = prompts - prompts % per_step or prompts
    rows: list[int] = []
    while len(rows) < steps * per_step:
        rows += rng.sample(range(prompts), prompts)[:whole]
    return rows[: steps * per_step]


def _arguments(job: Job) -> GRPOConfig:
    s = job.settings
    if "tensorboard" in job.report_to:
        # By default its files lie among the checkpoints, which go when the stage is done.
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(job.out.parent / "tensorboard" / job.out.name)
    update = s.prompts_per_step * s.samples // s.updates_per_step
    micro = max(size for size in range(1, min(s.micro_batch, update) + 1) if update % size == 0)
    accumulation = update // micro
    return GRPOConfig(
        output_dir=str(job.work),
        run_name=job.name,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation * s.updates_per_step,
        num_generations=s.samples,
        max_completion_length=s.max_new_tokens,
        temperature=s.temperature,
        top_p=1.0,
        top_k=0,
        beta=s.kl,
        epsilon=s.clip_low,
        epsilon_high=s.clip_high,
        loss_type="dapo",
        learning_rate=s.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=s.weight_decay,
        max_grad_norm=s.max_grad_norm,
        max_steps=job.steps * s.updates_per_step,
        shuffle_dataset=False,
        save_strategy="steps",
        save_steps=s.save_every * s.updates_per_step,
        logging_steps=1,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        model_init_kwargs=None if job.lora else job.loading(),
        bf16=job.types.mixed_bf16,
        gradient_checkpointing=s.gradient_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        use_vllm=s.sampler == "vllm",
        seed=job.seed,
        data_seed=job.seed,
        disable_tqdm=True,
        report_to=list(job.report_to) or "none",
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def fitting(model: str, prompts: list[Messages], limit: int) -> list[int]:
    """Numbers of the prompts that have at most `limit` tokens."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of(model), padding_side="left")
    return [i for i, length in enumerate(_lengths(prompts, tokenizer)) if length <= limit]


def _lengths(prompts: list[Messages], tokenizer: Any) -> list[int]:
    texts = tokenizer.apply_chat_template(prompts, tokenize=False, add_generation_prompt=True)
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False).input_ids]


def _check_prompts(job: Job, tokenizer: Any) -> None:
    lengths = _lengths(job.prompts, tokenizer)
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    if lengths[longest] > job.settings.max_prompt_tokens:
        raise UsageError(
            f"prompt {longest + 1} has {lengths[longest]} tokens, more than max_prompt_tokens={job.settings.max_prompt_tokens}; shorten it or raise the limit"
        )


class _Payer:
    """TRL's reward function: hands each generation to the stage's reward and keeps what it says for the log.

    The reward is async; its event loop runs in the trainer's own thread and not in TRL's second one, where the in-process
    engine would get a thread pool of its own and the two pools would starve each other (2.2 times slower on two cores).
    """

    __name__ = "adherence"

    def __init__(self, reward: Reward, updates_per_step: int) -> None:
        self.reward, self.updates_per_step = reward, updates_per_step
        self.end_ids: set[int] = set()
        self.payment: Payment | None = None

    def __call__(
        self, completions: Any, completion_ids: Any, row: list[int], trainer_state: Any, log_metric: Callable[[str, float], None], **_: Any
    ) -> list[float | None]:
        samples = [
            Sample(index, completion[0]["content"], bool(ids) and ids[-1] in self.end_ids)
            for index, completion, ids in zip(row, completions, completion_ids, strict=True)
        ]
        self.payment = asyncio.run(self.reward(samples, trainer_state.global_step // self.updates_per_step + 1))
        for name, value in self.payment.metrics.items():
            log_metric(name, value)
        return self.payment.rewards


class _Sampler:
    """Samples rollouts with the in-process engine, from a copy of the weights as they are now, in the type that training computes in."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.engine: LocalEngine | None = None

    def __call__(self, prompts: list[Messages], trainer: Any) -> dict[str, Any]:
        model = trainer.accelerator.unwrap_model(trainer.model)
        if self.engine is None:
            config = copy.deepcopy(model.config)
            with torch.random.fork_rng():
                # Its random first weights must not cost the trainer's random stream anything.
                dtype = getattr(torch, self.job.types.compute)
                replica = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=self.job.attn_implementation).to(model.device)
            replica.generation_config = model.generation_config
            self.engine = LocalEngine(replica, trainer.processing_class, self.job.token_budget)
        with torch.no_grad():
            weights = plain_weights(model) if self.job.lora else model.parameters()
            for ours, theirs in zip(self.engine.model.parameters(), weights, strict=True):
                ours.copy_(theirs)
        settings = self.job.settings
        tokenizer = trainer.processing_class
        texts = tokenizer.apply_chat_template(prompts, tokenize=False, add_generation_prompt=True)
        prompt_ids = tokenizer(texts, add_special_tokens=False).input_ids
        place = (self.job.seed, trainer.state.global_step)
        seeds = [item_seed("rollout", *place, i) for i in range(len(prompts))]
        completion_ids = self.engine.sample_tokens(prompt_ids, settings.max_new_tokens, settings.temperature, seeds)
        # The log-probabilities of sampling are only used with vLLM; TRL wants the key all the same.
        return {"prompt_ids": prompt_ids, "completion_ids": completion_ids, "logprobs": None}


class _StepLog(TrainerCallback):
    """Turns TRL's log lines, one per update, into one record per step, without anything that measures the clock."""

    def __init__(self, updates_per_step: int, payer: _Payer, hooks: Hooks) -> None:
        self.updates_per_step, self.payer, self.hooks = updates_per_step, payer, hooks
        self.lines: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        logs = logs or {}
        if "loss" not in logs:
            return
        for key in ("loss", "grad_norm"):
            if not math.isfinite(float(logs.get(key, 0.0))):
                raise RunError(f"{key} became {logs[key]} at update {state.global_step}; lower the learning rate in a new --run-dir")
        self.lines.append({k: float(v) for k, v in logs.items() if isinstance(v, int | float) and not any(w in k for w in _WALL_CLOCK)})
        if state.global_step % self.updates_per_step:
            return
        keys = {key for line in self.lines for key in line}
        metrics: dict[str, Any] = {key: _mean([line[key] for line in self.lines if key in line]) for key in sorted(keys)}
        self.lines = []
        trim()
        payment = self.payer.payment
        if payment and payment.checks:
            metrics["checks"] = payment.checks
        self.hooks.step(state.global_step // self.updates_per_step, metrics, payment.records if payment else [])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


class _Reseed(TrainerCallback):
    """Makes every update's randomness (TRL shuffles the batch) a function of the step, so a resume can't shift it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        torch.manual_seed(item_seed("update", self.seed, state.global_step))


class _Checkpoints(TrainerCallback):
    """Marks a checkpoint as whole once everything of it is on disk, then drops the older ones."""

    def __init__(self, work: Path) -> None:
        self.work = work

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        newest = self.work / f"checkpoint-{state.global_step}"
        # It is made anew from the start; and of a checkpoint with several adapters transformers would not load the trained one.
        shutil.rmtree(newest / REFERENCE, ignore_errors=True)
        mark_whole(newest)
        for path in self.work.glob("checkpoint-*"):
            if path != newest:
                shutil.rmtree(path, ignore_errors=True)
