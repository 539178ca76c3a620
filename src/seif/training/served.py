"""Rollouts from the vLLM server of the base: the policy's adapter is pushed before every step, and the server's
log-probabilities prove that it is the one that answers.

Two things could go wrong unseen: the server answers with an older adapter, or it computes something else than the
trainer. Either shows in the log-probabilities of the sampled tokens, of which the trainer computes some again.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seif.engines.base import Messages
from seif.engines.policy import SampledTokens, ServedPolicy, TokenRequest
from seif.errors import RunError
from seif.scoring import item_seed
from seif.training import ranks
from seif.training.job import GrpoJob
from seif.training.lora import ADAPTER
from seif.training.packing import Row
from seif.training.sampler import whole

FLOAT32_BOUND = 1e-4
"""Mean absolute difference of log-probabilities up to which server and trainer agree, where both compute in float32."""
HALF_BOUND = 0.1
"""The same where one of them computes in half precision."""
UPDATE_SEEN = "sampling/update_seen"
CERTAIN = 4.0
"""Standard deviations from an even split of the tokens that count as no chance: it happens once in 30,000 steps."""
FEW = 0.4
"""Share of tokens nearer to the adapter of now below which it counts as missing. It leaves room for rounding that is
not quite even."""


@dataclass(frozen=True)
class Update:
    """Which adapter the server's log-probabilities of tokens are nearer to: the trainer's of now, or an older one."""

    now: int
    older: int
    """Tokens that are as near to both count for neither."""

    @property
    def tokens(self) -> int:
        return self.now + self.older

    @property
    def seen(self) -> float | None:
        """1 where the server has the adapter of now, 0 where it has the older one, 0.5 where rounding hides what
        changed. None where nothing did."""
        return self.now / self.tokens if self.tokens else None

    @property
    def shown(self) -> bool:
        """Whether more tokens than by chance are nearer to the adapter of now (a sign test)."""
        return self.now - self.older > CERTAIN * math.sqrt(self.tokens)

    @property
    def missing(self) -> bool:
        """Whether clearly more tokens than by chance are nearer to the older adapter."""
        return self.older - self.now > CERTAIN * math.sqrt(self.tokens) and self.now < FEW * self.tokens


@dataclass(frozen=True)
class Mismatch:
    """How the server's log-probabilities of sampled tokens differ from the trainer's."""

    mean: float
    """Of the absolute differences."""
    max: float
    ratio: float
    """Mean of the trainer's probability over the server's."""
    update: Update

    def metrics(self) -> dict[str, float]:
        """Under TRL's names, where it has some."""
        found = {
            "sampling/sampling_logp_difference/mean": self.mean,
            "sampling/sampling_logp_difference/max": self.max,
            "sampling/importance_sampling_ratio/mean": self.ratio,
        }
        return found if self.update.seen is None else {**found, UPDATE_SEEN: self.update.seen}


def compare(server: torch.Tensor, now: torch.Tensor, older: torch.Tensor) -> Mismatch:
    """The server's log-probabilities (tokens,) against the trainer's with the adapter of now, and with an older one.

    In half precision one update moves a token's log-probability less than rounding does, so a bound alone would not
    notice that it is missing. Rounding takes no side, and over many tokens the update does.
    """
    error, from_older = (server - now).abs(), (server - older).abs()
    return Mismatch(
        mean=float(error.mean()),
        max=float(error.max()),
        ratio=float((now - server).exp().mean()),
        update=Update(int((error < from_older).sum()), int((error > from_older).sum())),
    )


class ServedSampler:
    """TRL's rollout function: samples from a vLLM server that has the adapter as it is now.

    Of several processes the first one samples for all, and alone needs `policy`. Raises RunError when the server fails,
    or answers with other weights than the trainer has.
    """

    def __init__(self, job: GrpoJob, policy: ServedPolicy | None) -> None:
        self.job = job
        self._policy = policy
        self._folder = job.work / "policies"
        self._newest: Path | None = None
        self._older: list[torch.Tensor] | None = None

    def __call__(self, prompts: list[Messages], trainer: Any) -> dict[str, Any]:
        processes = ranks.current()
        prompt_ids = self.job.chat.prompt_ids(trainer.processing_class, prompts)
        everything = processes.gather(prompt_ids)
        # Rows are numbered over all processes: their number changes no sample.
        step = trainer.state.global_step
        seeds = [item_seed("rollout", self.job.seed, step, row) for row in range(len(everything))]
        model = trainer.accelerator.unwrap_model(trainer.model)
        weights = {name: whole(weight.detach()) for name, weight in model.named_parameters() if weight.requires_grad}

        def sample() -> list[SampledTokens]:
            adapter = self.save(model, step, weights)
            return self.sample(everything, seeds, adapter, trainer.eos_token_ids)

        first = processes.rank * len(prompts)
        rollouts = processes.from_first(sample)[first : first + len(prompts)]
        self.check(prompt_ids, rollouts, trainer)
        return {
            "prompt_ids": prompt_ids,
            "completion_ids": [rollout.ids for rollout in rollouts],
            "logprobs": [rollout.logprobs for rollout in rollouts],
        }

    @property
    def policy(self) -> ServedPolicy:
        """Of the first process."""
        assert self._policy is not None, "only the first process asks the server"
        return self._policy

    def save(self, model: Any, step: int, weights: dict[str, torch.Tensor]) -> Path:
        """Save the adapter with these weights to a directory that was never pushed; `step` counts updates."""
        if self._newest is None:
            # What a process left that was killed: its server is gone too.
            shutil.rmtree(self._folder, ignore_errors=True)
        adapter = self._folder / f"policy-{step:06d}"
        # Its frozen copy, from which the KL penalty is measured, stays out.
        model.save_pretrained(adapter, selected_adapters=[ADAPTER], state_dict=weights)
        return adapter

    def sample(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int], adapter: Path, end_ids: Sequence[int]
    ) -> list[SampledTokens]:
        """One rollout per prompt (token ids) and seed, from the adapter in this directory. It asks the server and
        touches no model."""
        settings = self.job.settings
        self.policy.push(adapter)
        if self._newest is not None:
            shutil.rmtree(self._newest)
        self._newest = adapter
        return self.policy.sample(
            [
                TokenRequest(prompt, settings.max_new_tokens, settings.temperature, seed, end_ids)
                for prompt, seed in zip(prompts, seeds, strict=True)
            ]
        )

    def check(self, prompts: Sequence[Sequence[int]], rollouts: Sequence[SampledTokens], trainer: Any) -> None:
        """Compare one micro-batch of rollouts with what the trainer computes, and log the mismatch where TRL does not.
        Collective.

        The older adapter is the last one that was proven to be superseded: while an update is too small to show beside
        rounding, those after it add to it. Raises RunError for a mean difference beyond the bound, and when the server
        has the older adapter.
        """
        count = len(rollouts)
        chosen = range(0, count, math.ceil(count / self.job.settings.micro_batch))
        rows = [Row(tuple(prompts[i]), tuple(rollouts[i].ids)) for i in chosen]
        server = torch.tensor([value for i in chosen for value in rollouts[i].logprobs])
        trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]
        now = [weight.detach().clone() for weight in trained]
        logps = trainer.log_probs(rows).cpu()
        # At first it is none at all.
        _copy(self._older or [torch.zeros_like(weight) for weight in now], trained)
        older = trainer.log_probs(rows).cpu()
        _copy(now, trained)
        processes = ranks.current()
        everything = processes.gather([(server, logps, older)])
        found = processes.from_first(lambda: self._checked(everything, trainer.state.global_step))
        if found.update.shown:
            self._older = now
        for name, value in found.metrics().items():
            if name == UPDATE_SEEN or not trainer.corrects_for_sampler:
                trainer.log_metric(name, value)

    def _checked(self, parts: Sequence[tuple[torch.Tensor, ...]], step: int) -> Mismatch:
        found = compare(*(torch.cat(values) for values in zip(*parts, strict=True)))
        bound = FLOAT32_BOUND if {self.policy.dtype, self.job.types.compute} == {"float32"} else HALF_BOUND
        if found.mean > bound or found.update.missing:
            raise RunError(
                f"vLLM does not answer with the adapter that was pushed after update {step}: its log-probabilities "
                f"differ from the trainer's by {found.mean:.2g} on average (bound {bound:g}), and {found.update.older} "
                f"of {found.update.tokens} are nearer to those of an older adapter; "
                f"its log: {self.policy.log}; the same command resumes"
            )
        return found


@torch.no_grad()
def _copy(values: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]) -> None:
    for value, weight in zip(values, weights, strict=True):
        weight.copy_(value)
