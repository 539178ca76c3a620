"""How GRPO trains: all weights, or adapters."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from seif.config.section import MOST_TOKENS, TRAINING_TYPE, Section, TrainingType

Loss = Literal["bnpo", "cispo", "dapo", "dr_grpo", "grpo", "luspo", "sapo", "vespo"]
"""The losses of TRL's GRPOTrainer."""
ImportanceCorrection = Literal["none", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]
ALL_LINEAR = "all-linear"
"""What peft calls all linear layers but the head."""


class Colocate(Section):
    """vLLM inside the training processes, which `grpo.sampler: vllm` starts through TRL (docs/engines.md)."""

    tensor_parallel: int = Field(
        default=1, ge=1, le=1024, description="Training processes over which one vLLM is split."
    )
    gpu_memory_utilization: float = Field(
        default=0.3, gt=0, le=1, description="Share of a device's memory that vLLM takes, its weights included."
    )
    sleep: bool = Field(
        default=False, description="vLLM gives its memory back while weights are updated; nothing happens on a CPU."
    )


class Grpo(Section):
    """Group-relative policy optimisation, as TRL's GRPOTrainer does it."""

    learning_rate: float = Field(default=1e-6, gt=0, le=100, description="AdamW's learning rate, constant.")
    prompts_per_step: int = Field(default=384, ge=1, le=100_000, description="Prompts per step (the rollout batch).")
    samples: int = Field(default=5, ge=2, le=10_000, description="n, completions per prompt: the group.")
    updates_per_step: int = Field(
        default=4,
        ge=1,
        le=10_000,
        description="Optimizer updates per step; the update batch is prompts x samples / this.",
    )
    micro_batch: int = Field(
        default=4, ge=1, le=1_000_000, description="Completions per forward and backward on one device."
    )
    kl: float = Field(
        default=0.01,
        ge=0,
        le=1000,
        description="Coefficient of the KL penalty to the starting checkpoint (low-variance estimator).",
    )
    clip_low: float = Field(default=0.2, gt=0, le=1000, description="The policy ratio is clipped at 1 - this.")
    clip_high: float = Field(default=0.3, gt=0, le=1000, description="The policy ratio is clipped at 1 + this.")
    weight_decay: float = Field(default=0.01, ge=0, le=1000, description="AdamW's weight decay.")
    max_grad_norm: float = Field(default=1.0, gt=0, le=10**12, description="Gradients are clipped to this norm.")
    temperature: float = Field(
        default=1.0, gt=0, le=100, description="Sampling temperature of rollouts. top_p stays 1 and top_k 0."
    )
    max_prompt_tokens: int = Field(
        default=2048, ge=1, le=MOST_TOKENS, description="A longer prompt is refused before training starts."
    )
    max_new_tokens: int = Field(
        default=8192,
        ge=1,
        le=MOST_TOKENS,
        description="A completion without an end token after this many gets reward 0.",
    )
    gradient_checkpointing: bool = Field(
        default=True, description="Recompute activations in the backward pass: less memory, more time."
    )
    save_every: int = Field(default=1, ge=1, le=1_000_000, description="Steps between checkpoints.")
    dtype: TrainingType = Field(default="auto", description=TRAINING_TYPE)
    sampler: Literal["engine", "served", "vllm"] = Field(
        default="engine",
        description="Who samples rollouts. `engine`: each training process for itself; `served`: the vLLM server of "
        "`engine.kind: vllm`, which gets the adapter before every step (needs `lora`); `vllm`: vLLM in the training "
        "processes, through TRL.",
    )
    importance_correction: ImportanceCorrection = Field(
        default="sequence_mask",
        description="With `served` and `vllm`: how the loss is weighted where the trainer's probabilities differ from "
        "the sampler's, TRL's `vllm_importance_sampling_mode` (docs/engines.md); `none`: not at all.",
    )
    colocate: Colocate = Colocate()
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

    @model_validator(mode="after")
    def _sampling_settings_have_a_sampler(self) -> Grpo:
        if self.sampler != "vllm" and self.colocate != Colocate():
            raise ValueError("colocate goes with sampler: vllm; engine.vllm.args are for the servers that seif starts")
        weighs_sequences = self.importance_correction.startswith("sequence")
        if self.sampler != "engine" and self.loss == "vespo" and weighs_sequences:
            raise ValueError("loss: vespo weighs sequences itself; set importance_correction: token_truncate")
        return self


class Lora(Section):
    """Train low-rank adapters instead of all weights, as peft does (docs/lora.md).

    Without this section all weights are trained.
    """

    r: int = Field(default=16, ge=1, le=65_536, description="Rank of an adapter.")
    alpha: int = Field(default=32, ge=1, le=10**9, description="What an adapter adds is scaled by alpha / r.")
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
