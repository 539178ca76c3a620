"""GRPO for both roles: TRL's GRPOTrainer with an exact resume, our sampler on machines without vLLM, and step-wise
logs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from datasets import Dataset
from transformers import AutoTokenizer, PrinterCallback

from seif.engines.adapter import tokenizer_of
from seif.engines.memory import release_memory
from seif.engines.policy import ServedPolicy
from seif.training.arguments import grpo_arguments
from seif.training.callbacks import KeepNewest, SeedUpdates, StepLog
from seif.training.checkpoints import claim, newest_whole, step_of
from seif.training.data import check_lengths, data_order
from seif.training.job import GrpoJob, TrainingLog
from seif.training.lora import REFERENCE, adapted, check_start
from seif.training.rollouts import Reward, RewardFunction
from seif.training.sampler import EngineSampler
from seif.training.served import ServedSampler
from seif.training.trainer import GroupedTrainer


def train(
    job: GrpoJob,
    reward: Reward,
    log: TrainingLog,
    save: Callable[[Any, Any], None],
    policy: ServedPolicy | None = None,
) -> None:
    """Run or resume one stage, then hand the trained model and its tokenizer to `save`. `policy` serves the rollouts
    of `grpo.sampler: served`.

    The checkpoint, the data order and all random streams are restored on resume, so on the CPU the result is
    bit-identical to an uninterrupted run. Raises UsageError for prompts that don't fit and for a start that does not
    go with `lora`, RunError when the loss is no longer finite, and what `ServedSampler` raises.
    """
    settings = job.settings
    check_start(job.model, job.lora)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of(job.model), padding_side="left")
    check_lengths(job.prompts, tokenizer, settings.max_prompt_tokens, job.chat)
    claim(job.work, job.identity(), job.dtype)
    resume = newest_whole(job.work)
    sampler = ServedSampler(job, policy) if policy else EngineSampler(job) if settings.sampler == "engine" else None
    trainer = _trainer(job, tokenizer, RewardFunction(reward, settings.updates_per_step, job.chat), log, sampler)
    log.resumed(step_of(resume) // settings.updates_per_step)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if job.lora and settings.kl:
        model.delete_adapter(REFERENCE)
    save(model, tokenizer)
    shutil.rmtree(job.work, ignore_errors=True)
    del trainer
    release_memory()


def _trainer(
    job: GrpoJob,
    tokenizer: Any,
    reward: RewardFunction,
    log: TrainingLog,
    sampler: EngineSampler | ServedSampler | None,
) -> GroupedTrainer:
    settings = job.settings
    rows = list(job.order) or data_order(len(job.prompts), settings.prompts_per_step, job.steps, job.seed)
    trainer = GroupedTrainer(
        model=adapted(job.model, job.lora, job.seed, **job.loading()) if job.lora else job.model,
        reward_funcs=reward,
        args=grpo_arguments(job),
        train_dataset=Dataset.from_dict({"prompt": [job.prompts[row] for row in rows], "row": rows}),
        processing_class=tokenizer,
        rollout_func=sampler,
    )
    if settings.sampler == "served" and settings.importance_correction != "none":
        trainer.correct_for_sampler()
    reward.end_ids = {*trainer.eos_token_ids}
    trainer.remove_callback(PrinterCallback)
    for callback in (StepLog(settings.updates_per_step, reward, log), KeepNewest(), SeedUpdates(job.seed)):
        trainer.add_callback(callback)
    return trainer
