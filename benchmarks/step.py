"""One GRPO step through the trainer and through a bare loop of plain torch, in both types: the same prompts, the
same lengths; prints JSON.

.venv/bin/python -m benchmarks.step

A step is what both do from end to end: sample a group per prompt, reward, the reference's log-probabilities,
forward, backward, AdamW. The bare loop has no logs, no checkpoints, no stop tokens, and no rows of uneven length:
every completion has the same number of tokens.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from seif.cli.options import quiet
from seif.config import Config, Grpo
from seif.config_file import load_config
from seif.engines.precision import device, hardware_precision
from seif.instructions import read_instructions
from seif.roles import follower
from seif.stage_log import Outcome, RolloutRecord, Tables
from seif.training.data import data_order
from seif.training.grpo import train
from seif.training.job import GrpoJob
from seif.training.rollouts import RewardBatch, Rollout

ROOT = Path(__file__).parents[1]
CONFIG = Path("nano")
Ids = list[int]


def rewards_of(texts: list[str]) -> list[float]:
    """Any reward that differs within a group: the share of vowels."""
    return [sum(c in "aeiou" for c in text) / max(1, len(text)) for text in texts]


def without_end(model: str, folder: Path) -> Path:
    """The model with an end token that it does not write, so that every completion has full length."""
    tokenizer, net = (
        AutoTokenizer.from_pretrained(model),
        AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
    )
    used = {
        i
        for text in json.loads((Path(model) / "tokenizer.json").read_text())["model"]["vocab"]
        for i in tokenizer(text).input_ids
    }
    unused = max(set(range(net.config.vocab_size)) - used - {tokenizer.pad_token_id}, default=net.config.vocab_size - 1)
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(unused)
    net.config.eos_token_id = net.generation_config.eos_token_id = unused
    net.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ours(model: Path, prompts: list[Any], settings: Grpo, steps: int, config: Config, dtype: str) -> list[float]:
    """Seconds of every step but the first."""
    clock = _Clock()

    async def reward(rollouts: list[Rollout], step: int) -> RewardBatch:
        return RewardBatch(list(rewards_of([r.text for r in rollouts])), {}, [])

    with tempfile.TemporaryDirectory() as folder:
        job = GrpoJob(
            model=str(model),
            prompts=prompts,
            steps=steps + 1,
            settings=settings,
            seed=0,
            work=Path(folder) / "work",
            out=Path(folder) / "out",
            token_budget=config.engine.token_budget,
            dtype=dtype,
            attn_implementation=config.attn_implementation,
        )
        train(job, reward, clock)
    return [b - a for a, b in pairwise(clock.times)]


class _Clock:
    """A training log that notes when each step was done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def begin(self, total: int) -> None:
        """Not called by `train`."""

    def resumed(self, step: int) -> None:
        """Always a fresh start."""

    def step(
        self,
        step: int,
        metrics: Mapping[str, float],
        records: Sequence[RolloutRecord] = (),
        checks: Tables | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


class Bare:
    """GRPO without a framework: float32 weights, autocast where the type is bf16, the loss of DAPO with a KL
    penalty."""

    def __init__(self, model: Path, settings: Grpo, config: Config, dtype: str) -> None:
        self.settings, self.dtype = settings, getattr(torch, dtype)
        self.tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
        attention = config.attn_implementation
        self.policy = AutoModelForCausalLM.from_pretrained(
            model, dtype=torch.float32, attn_implementation=attention
        ).train()
        self.reference = AutoModelForCausalLM.from_pretrained(
            model, dtype=torch.float32, attn_implementation=attention
        ).eval()
        self.sampler = AutoModelForCausalLM.from_pretrained(
            model, dtype=self.dtype, attn_implementation=attention
        ).eval()
        self.optimizer = torch.optim.AdamW(
            self.policy.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )

    def step(self, prompts: list[Any]) -> None:
        """One step on `prompts`, `settings.samples` completions each."""
        s = self.settings
        texts = self.tokenizer.apply_chat_template(prompts, tokenize=False, add_generation_prompt=True)
        batch = self.tokenizer(
            [text for text in texts for _ in range(s.samples)],
            add_special_tokens=False,
            padding=True,
            return_tensors="pt",
        )
        with torch.no_grad():
            for copy, weight in zip(self.sampler.parameters(), self.policy.parameters(), strict=True):
                copy.copy_(weight)
            completions = self.sample(batch.input_ids, batch.attention_mask)
        rewards = torch.tensor(rewards_of(self.tokenizer.batch_decode(completions))).view(-1, s.samples)
        advantages = ((rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)).view(-1)
        ids = torch.cat([batch.input_ids, completions], 1)
        mask = torch.cat([batch.attention_mask, torch.ones_like(completions)], 1)
        for rows in torch.arange(len(ids)).split(s.micro_batch):
            with torch.no_grad():
                wanted = self.logps(self.reference, ids[rows], mask[rows])
            found = self.logps(self.policy, ids[rows], mask[rows])
            ratio = torch.exp(found - found.detach())
            gain = torch.min(
                ratio * advantages[rows, None], ratio.clamp(1 - s.clip_low, 1 + s.clip_high) * advantages[rows, None]
            )
            loss = (s.kl * (torch.exp(wanted - found) - (wanted - found) - 1) - gain).sum() / completions.numel()
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), s.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def sample(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(rows, new tokens), with keys and values kept, as a plain loop does it."""
        written, position, cache = [], (mask.cumsum(1) - 1).clamp_min(0), None
        for _ in range(self.settings.max_new_tokens):
            out = self.sampler(
                input_ids=ids,
                attention_mask=mask,
                position_ids=position,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = out.past_key_values
            ids = torch.multinomial(torch.softmax(out.logits[:, -1].float() / self.settings.temperature, -1), 1)
            written.append(ids)
            mask = torch.cat([mask, torch.ones_like(ids)], 1)
            position = position[:, -1:] + 1
        return torch.cat(written, 1)

    def logps(self, model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of the completions' tokens, (rows, new tokens)."""
        new = self.settings.max_new_tokens
        used = mask.any(0)
        ids, mask = ids[:, used], mask[:, used]
        with torch.autocast(device(), self.dtype, enabled=self.dtype is not torch.float32):
            logits = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp_min(0),
                logits_to_keep=new + 1,
            ).logits
        logits = logits[:, :-1].float() / self.settings.temperature
        return logits.log_softmax(-1).gather(-1, ids[:, -new:, None]).squeeze(-1)


def bare(model: Path, prompts: list[Any], settings: Grpo, steps: int, config: Config, dtype: str) -> list[float]:
    """Seconds of every step but the first."""
    torch.manual_seed(0)
    loop, times = Bare(model, settings, config, dtype), []
    order = data_order(len(prompts), settings.prompts_per_step, steps + 1, 0)
    for step in range(steps + 1):
        began = time.perf_counter()
        loop.step(
            [prompts[i] for i in order[step * settings.prompts_per_step : (step + 1) * settings.prompts_per_step]]
        )
        times.append(time.perf_counter() - began)
    return times[1:]


def main() -> None:
    """Measure and print. The two take turns, so that a machine whose speed drifts slows both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6, help="steps per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"], choices=["bfloat16", "float32"])
    options = parser.parse_args()
    quiet()
    config = load_config(CONFIG, [])
    assert config.held_out is not None
    tasks = read_instructions(Path(config.held_out))[:256]
    prompts = [follower.messages(config.prompts, task, config.follower.format) for task in tasks]
    settings = config.follower.grpo.model_copy(update={"save_every": 1000})
    here = hardware_precision()
    result: dict[str, Any] = {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "dtype": here.dtype,
        "reason": here.reason,
    }
    ways: dict[str, Callable[..., list[float]]] = {"ours": ours, "bare": bare}
    with tempfile.TemporaryDirectory() as folder:
        model = without_end(config.model, Path(folder))
        for dtype in options.dtypes:
            times: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(options.rounds):
                for name, way in ways.items():
                    times[name] += way(model, prompts, settings, options.steps, config, dtype)
            medians = {f"{name}_seconds": round(statistics.median(values), 3) for name, values in times.items()}
            result[dtype] = {**medians, "ratio": round(medians["ours_seconds"] / medians["bare_seconds"], 3)}
    print(json.dumps({**result, "ratio": result.get(here.dtype, {}).get("ratio")}, indent=2))


if __name__ == "__main__":
    main()
