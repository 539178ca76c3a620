"""Rollouts from the in-process engine, for machines without vLLM."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM

from seif.engines.base import Messages
from seif.engines.local import LocalEngine
from seif.scoring import item_seed
from seif.training import ranks
from seif.training.job import GrpoJob
from seif.training.lora import plain_weights


class EngineSampler:
    """TRL's rollout function: samples from a copy of the weights as they are now, in the type that training computes
    in."""

    def __init__(self, job: GrpoJob) -> None:
        self.job = job
        self._engine: LocalEngine | None = None

    def __call__(self, prompts: list[Messages], trainer: Any) -> dict[str, Any]:
        model, tokenizer = trainer.accelerator.unwrap_model(trainer.model), trainer.processing_class
        if self._engine is None:
            self._engine = LocalEngine(self._replica(model), tokenizer, self.job.token_budget)
        self._copy_weights(model, self._engine.model)
        prompt_ids = self.job.chat.prompt_ids(tokenizer, prompts)
        # Rows are numbered over all processes: their number changes no sample.
        first = ranks.current().rank * len(prompts)
        seeds = [item_seed("rollout", self.job.seed, trainer.state.global_step, first + i) for i in range(len(prompts))]
        settings = self.job.settings
        completion_ids = self._engine.sample_tokens(prompt_ids, settings.max_new_tokens, settings.temperature, seeds)
        # The log-probabilities of sampling are only used with vLLM, but TRL requires the key.
        return {"prompt_ids": prompt_ids, "completion_ids": completion_ids, "logprobs": None}

    def _replica(self, model: Any) -> Any:
        """A model of the same architecture whose weights are yet to be copied."""
        config = copy.deepcopy(model.config)
        # The replica's random first weights must not advance the trainer's random stream. They are drawn where the
        # replica stays: billions of them take minutes on a CPU.
        with torch.random.fork_rng(), torch.device(model.device):
            dtype = getattr(torch, self.job.types.compute)
            replica = AutoModelForCausalLM.from_config(
                config, dtype=dtype, attn_implementation=self.job.attn_implementation
            )
        replica.generation_config = model.generation_config
        return replica

    @torch.no_grad()
    def _copy_weights(self, trained: Any, replica: Any) -> None:
        weights = plain_weights(trained) if self.job.lora else trained.parameters()
        for ours, theirs in zip(replica.parameters(), weights, strict=True):
            ours.copy_(whole(theirs))


def whole(weight: torch.Tensor) -> torch.Tensor:
    """A parameter as one tensor; of one that is sharded, every process gets all parts. Collective for that."""
    return weight.full_tensor() if isinstance(weight, DTensor) else weight
