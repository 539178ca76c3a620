"""GRPO for both roles: TRL's GRPOTrainer with an exact resume, our sampler on machines without vLLM, and step-wise
logs."""

from __future__ import annotations

import shutil
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback

from seif.engines.memory import release_memory
from seif.engines.policy import ServedPolicy
from seif.engines.tokens import tokenizer_to_save
from seif.engines.weights import check_weights
from seif.stage_log import StageLog
from seif.training import ranks
from seif.training.arguments import grpo_arguments
from seif.training.callbacks import KeepNewest, SeedUpdates, StepLog
from seif.training.checkpoints import continue_from, finish_killed, save, step_of
from seif.training.data import checked_lengths, data_order, prompt_limit
from seif.training.job import GrpoJob
from seif.training.lora import REFERENCE, adapted, check_start
from seif.training.rollouts import Reward, RewardFunction
from seif.training.sampler import EngineSampler
from seif.training.served import ServedSampler
from seif.training.trainer import GroupedTrainer


def train(job: GrpoJob, reward: Reward, log: StageLog, policy: ServedPolicy | None = None) -> None:
    """Run or resume one stage and write the trained model with its tokenizer to `job.out`.

    Of several processes each calls this with the same job; `reward` is called in the first one alone, and `policy`,
    which serves the rollouts of `grpo.sampler: served`, is needed there alone. The checkpoint, the data order and all
    random streams are restored on resume, so on the CPU the result is bit-identical to an uninterrupted run with as
    many processes. Raises UsageError as `check_weights` does, for prompts that don't fit, for a start that does not go
    with `lora`, and for unfinished work of another job; RunError when the loss is no longer finite, and as the sampler
    does.
    """
    settings = job.settings
    check_start(job.model, job.lora)
    check_weights(job.model)
    tokenizer = tokenizer_to_save(job.model, padding_side="left")
    lengths = checked_lengths(job.prompts, tokenizer, prompt_limit(job.model, settings), job.chat)
    processes = ranks.current()
    resume, done = processes.from_first(
        lambda: (continue_from(job.work, job.identity(), job.dtype), finish_killed(job.work, job.out))
    )
    if done:
        return
    reward_function = RewardFunction(reward, settings.updates_per_step, lengths, job.chat)
    trainer = _trainer(job, tokenizer, reward_function, log, _sampler(job, policy))
    log.resumed(step_of(resume) // settings.updates_per_step)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if job.lora and settings.kl:
        model.delete_adapter(REFERENCE)
    save(trainer, job.out)
    processes.from_first(lambda: shutil.rmtree(job.work, ignore_errors=True))
    del trainer, model
    release_memory()


def _sampler(job: GrpoJob, policy: ServedPolicy | None) -> EngineSampler | ServedSampler | None:
    """TRL's rollout function; None where TRL samples itself."""
    match job.settings.sampler:
        case "engine":
            return EngineSampler(job)
        case "served":
            return ServedSampler(job, policy)
        case "vllm":
            return None


def _trainer(
    job: GrpoJob,
    tokenizer: Any,
    reward: RewardFunction,
    log: StageLog,
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
