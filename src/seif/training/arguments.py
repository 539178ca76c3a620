"""A job's settings as TRL's GRPOConfig, and which of TRL's own settings a config may add."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from trl import GRPOConfig

from seif.config import Grpo
from seif.errors import UsageError
from seif.training import ranks
from seif.training.job import GrpoJob

_CONFIG_KEYS = {
    "beta": "kl",
    "epsilon": "clip_low",
    "epsilon_high": "clip_high",
    "loss_type": "loss",
    "num_generations": "samples",
    "max_completion_length": "max_new_tokens",
    "per_device_train_batch_size": "micro_batch",
    "use_vllm": "sampler",
    "bf16": "dtype",
    "save_steps": "save_every",
    "vllm_importance_sampling_correction": "importance_correction",
    "vllm_importance_sampling_mode": "importance_correction",
    "vllm_tensor_parallel_size": "colocate.tensor_parallel",
    "vllm_gpu_memory_utilization": "colocate.gpu_memory_utilization",
    "vllm_enable_sleep_mode": "colocate.sleep",
}
"""TRL's settings that have another name in the `grpo` section."""
_RELIED_ON = (
    *(
        "num_iterations",
        "generation_batch_size",
        "remove_unused_columns",
        "train_sampling_strategy",
        "num_train_epochs",
        "fp16",
    ),
    *("logging_strategy", "accelerator_config", "auto_find_batch_size", "sync_ref_model"),
    *("save_total_limit", "save_only_model", "ignore_data_skip", "resume_from_checkpoint", "load_best_model_at_end"),
)
"""Settings that seif leaves at TRL's defaults and that steps, data order, logs or an exact resume rely on."""
_OTHER_SAMPLERS = ("min_p", "repetition_penalty", "generation_kwargs", "cache_implementation")
"""Settings of sampling that TRL's own vLLM alone has."""


def grpo_arguments(job: GrpoJob) -> GRPOConfig:
    """The arguments of TRL's trainer. Raises UsageError for a key of `extra` that can't be set, and for values that
    TRL refuses."""
    settings = _settings(job)
    for key in job.settings.extra:
        _check_key(key, settings.keys(), job.settings)
    try:
        return GRPOConfig(**settings, **job.settings.extra)
    except (ValueError, TypeError) as error:
        raise UsageError(f"grpo.extra: TRL refuses these settings: {' '.join(str(error).split())}") from error


def check_settings(settings: Grpo) -> None:
    """Raises UsageError as `grpo_arguments` does, for any job with these settings."""
    grpo_arguments(GrpoJob(model="", prompts=(), steps=1, settings=settings, seed=0, work=Path(), out=Path()))


def _check_key(key: str, ours: Collection[str], settings: Grpo) -> None:
    known = [field.name for field in dataclasses.fields(GRPOConfig) if field.init]
    if key in ours or key in _RELIED_ON:
        name = _CONFIG_KEYS.get(key, key)
        fix = f"set grpo.{name}" if name.partition(".")[0] in Grpo.model_fields else "leave it out"
        raise UsageError(f"grpo.extra.{key} is set by seif itself; {fix}")
    if key in _OTHER_SAMPLERS and settings.sampler != "vllm":
        raise UsageError(f"grpo.extra.{key} goes with grpo.sampler: vllm; leave it out")
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        raise UsageError(
            f"grpo.extra.{key} is no setting of TRL's GRPOConfig; "
            + (f"did you mean {near[0]!r}?" if near else "leave it out")
        )


def _settings(job: GrpoJob) -> dict[str, Any]:
    s = job.settings
    update = s.prompts_per_step * s.samples // s.updates_per_step // ranks.current().world
    micro = max(size for size in range(1, min(s.micro_batch, update) + 1) if update % size == 0)
    accumulation = update // micro
    return {
        "output_dir": str(job.work),
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": accumulation,
        "steps_per_generation": accumulation * s.updates_per_step,
        "num_generations": s.samples,
        "max_completion_length": s.max_new_tokens,
        "temperature": s.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "beta": s.kl,
        "epsilon": s.clip_low,
        "epsilon_high": s.clip_high,
        "loss_type": s.loss,
        "learning_rate": s.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": s.weight_decay,
        "max_grad_norm": s.max_grad_norm,
        "max_steps": job.steps * s.updates_per_step,
        "shuffle_dataset": False,
        "save_strategy": "steps",
        "save_steps": s.save_every * s.updates_per_step,
        "logging_steps": 1,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "model_init_kwargs": None if job.lora else job.loading(),
        "bf16": job.types.mixed_bf16,
        "gradient_checkpointing": s.gradient_checkpointing,
        "ddp_find_unused_parameters": False,
        "use_cpu": not torch.cuda.is_available(),
        "chat_template_kwargs": dict(job.chat.template_kwargs) or None,
        # With `served` a rollout function asks a server of ours; TRL starts and connects to nothing.
        "use_vllm": s.sampler == "vllm",
        "vllm_importance_sampling_correction": s.importance_correction != "none",
        **({} if s.importance_correction == "none" else {"vllm_importance_sampling_mode": s.importance_correction}),
        "vllm_tensor_parallel_size": s.colocate.tensor_parallel,
        "vllm_gpu_memory_utilization": s.colocate.gpu_memory_utilization,
        "vllm_enable_sleep_mode": s.colocate.sleep,
        # Else keys and values have to fit for the model's whole context.
        "vllm_max_model_length": s.max_prompt_tokens + s.max_new_tokens,
        "seed": job.seed,
        "data_seed": job.seed,
        "disable_tqdm": True,
        "report_to": "none",
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
