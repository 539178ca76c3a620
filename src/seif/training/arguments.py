"""A job's settings as TRL's GRPOConfig."""

from __future__ import annotations

import os

import torch
from trl import GRPOConfig

from seif.training.job import GrpoJob


def grpo_arguments(job: GrpoJob) -> GRPOConfig:
    """The arguments of TRL's trainer."""
    if "tensorboard" in job.report_to:
        # By default its files lie among the checkpoints, which go when the stage is done.
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(job.out.parent / "tensorboard" / job.out.name)
    s = job.settings
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
