"""A first config for a user's own model: sizes that fit the device, each with its reason in a comment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from seif.config import Config
from seif.config.parsing import parse
from seif.config_file import build_config
from seif.errors import UsageError
from seif.footprint import Architecture, Device, training_footprint
from seif.quantities import quantity

_USABLE = 0.9
"""Share of a device's memory that a run may plan with; the rest is for the device itself and for fragments."""
_BATCHES = ((8, 49_152), (4, 49_152), (2, 24_576), (1, 8192))
"""Micro-batches with the token budgets of generation, the largest first."""
_SMALL = 100_000_000
"""Models with fewer parameters get the short prompts."""
_REASONING = 4096
"""Tokens of a reply for a model that reasons before it answers."""
_ADAPTER_RANK = 16
_PROMPTS_PER_STEP = (64, 32, 16, 8, 4)
_NEEDED = "@needed@"
"""Stands in the text for the memory that is needed, which is known once the text is."""


@dataclass(frozen=True)
class Model:
    """The user's model."""

    path: str
    architecture: Architecture
    thinks: bool
    """Whether it reasons up to `</think>` before it answers."""


@dataclass(frozen=True)
class _Training:
    """A way to train."""

    lora: bool
    dtype: str
    """`grpo.dtype`."""
    micro_batch: int
    token_budget: int


def starter_config(model: Model, seeds: Path, count: int, device: Device) -> str:
    """The text of a config that trains `model` on `count` seed questions within the memory of `device`.

    Raises UsageError when not even adapters can be trained there.
    """
    tried = []
    # All weights first, as in the paper; then adapters, on a base in the type that the device computes in.
    for lora, dtype in ((False, "auto"), (True, "bfloat16" if device.compute == "bfloat16" else "auto")):
        for micro_batch, token_budget in _BATCHES:
            training = _Training(lora, dtype, micro_batch, token_budget)
            text = _text(model, seeds, count, device, training)
            needed = training_footprint(model.architecture, _parsed(text), device.compute).total
            if needed <= _USABLE * device.memory:
                return text.replace(_NEEDED, f"{needed / 1e9:.1f} GB")
            tried.append(needed)
    raise UsageError(
        f"{model.path} needs about {min(tried) / _USABLE / 1e9:.0f} GB to "
        f"train LoRA adapters, and {device.name} has {device.gigabytes}; "
        "choose a smaller model, or a larger device with --gpu-memory GB"
    )


def _parsed(text: str) -> Config:
    return build_config(parse(text), "the new config")


def _text(model: Model, seeds: Path, count: int, device: Device, training: _Training) -> str:
    size = f"{model.architecture.parameters / 1e6:,.0f} million parameters"
    compact = model.architecture.parameters < _SMALL
    parts = [
        f"# {Path(model.path).name} ({size}), {'LoRA adapters' if training.lora else 'all weights'}, "
        f"on {device.name} with {device.gigabytes}.",
        f"# Written by `seif init`. By arithmetic, training needs about {_NEEDED}. "
        "Every key: docs/config.md. What a run will do: seif plan THIS_FILE",
        f"model: {_quoted(model.path)}",
        f"seeds: {_quoted(str(seeds))}  # {quantity(count, 'question')}",
        "# held_out: tasks.parquet  # verifiable tasks; without them the turns' held-out accuracy is not measured",
        f"dtype: auto  # here {device.compute}: {device.reason}",
        f"prompts: {'compact  # short prompts, because the model is very small' if compact else 'full'}",
        "turns: 3  # as in the paper",
        "",
        _lora(training),
        "engine:",
        f"  token_budget: {training.token_budget}  # rows x tokens "
        "written at once; halve it if memory runs out in generation",
        "",
        _judger(model, compact),
        _instructor(model, compact, count, device, training),
        _follower(model, compact, device),
    ]
    return "\n".join(part for part in parts if part is not None) + "\n"


def _lora(training: _Training) -> str | None:
    if not training.lora:
        return None
    return (
        f"lora: {{r: {_ADAPTER_RANK}, alpha: {2 * _ADAPTER_RANK}}} "
        " # all weights with their optimizer state would not fit\n"
    )


def _judger(model: Model, compact: bool) -> str:
    lines = ["judger:"]
    if compact:
        lines.append("  kind: logprob  # one token a verdict: so small a model can't reason about it")
    elif model.thinks:
        tokens = min(_REASONING, _context(model) // 2)
        lines += [
            "  kind: hybrid  # rules where they are certain, else the model",
            f"  max_new_tokens: {tokens}  # the model reasons before "
            "its verdict; one that is cut off counts as unjudged",
            "",
            "filter:",
            f"  max_new_tokens: {tokens}  # for the same reason",
        ]
    else:
        lines += [
            "  kind: hybrid  # rules where they are certain, else the model",
            "  model: logprob  # one token a verdict, which is fast; the paper's `generative` reasons first",
        ]
    return "\n".join([*lines, ""])


def _instructor(model: Model, compact: bool, count: int, device: Device, training: _Training) -> str:
    wanted = _PROMPTS_PER_STEP if device.gpu else _PROMPTS_PER_STEP[2:]
    prompts = next((n for n in wanted if n <= count), wanted[-1])
    prompt_tokens, answer_tokens = _lengths(model, device)
    written = min(answer_tokens, _REASONING if model.thinks else 512)
    lines = ["instructor:"]
    if compact:
        lines += [
            "  known_types: true  # constraints that rules can check",
            "  templates: [{prompt: hard, constraints: 3}]",
        ]
    rate = (
        "1.0e-5  # ten times the paper's, which is meant for all weights" if training.lora else "1.0e-6  # the paper's"
    )
    lines += [
        "  grpo: &grpo",
        f"    learning_rate: {rate}",
        f"    prompts_per_step: {prompts}  # the paper has 384 on 12 GPUs; each prompt is answered `samples` (5) times",
        f"    micro_batch: {training.micro_batch}  # answers per forward "
        "and backward: as many as fit; the update does not depend on it",
        f"    max_prompt_tokens: {prompt_tokens}  # the longest prompt",
        f"    max_new_tokens: {written}  # a set of constraints{' after its reasoning' if model.thinks else ''}",
    ]
    if training.dtype != "auto":
        lines.append(
            f"    dtype: {training.dtype}  # of the frozen base, which halves its memory; the adapters stay float32"
        )
    return "\n".join([*lines, ""])


def _follower(model: Model, compact: bool, device: Device) -> str:
    _, answer_tokens = _lengths(model, device)
    if model.thinks:
        form = "reasoning  # the chat template knows </think>: what follows it is the answer"
    elif compact:
        form = "plain  # the whole reply is the answer"
    else:
        form = (
            "plain  # the whole reply is the answer; the paper's "
            "`think_answer` asks for reasoning first and needs longer answers"
        )
    where = "the paper has 8192" if device.gpu else "short, because a CPU writes slowly"
    return "\n".join(
        [
            "follower:",
            f"  format: {form}",
            "  grpo:",
            "    <<: *grpo",
            f"    max_new_tokens: {answer_tokens}  # {where}; a longer answer counts as badly formed",
        ]
    )


def _lengths(model: Model, device: Device) -> tuple[int, int]:
    """Limits of prompts and answers, in tokens, which fit the model's context together."""
    context = _context(model)
    answer = _REASONING if model.thinks else 1024 if device.gpu else 512
    return min(2048, context // 2), min(answer, context // 4)


def _context(model: Model) -> int:
    """The model's context, in tokens."""
    return model.architecture.context or 1 << 20


def _quoted(text: str) -> str:
    """A YAML string; plain where that is safe: 1e5 and null are names too."""
    plain = all(c.isalnum() or c in "/._-" for c in text) and text[:1] not in "-" and parse(text) == text
    if plain:
        return text
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else json.dumps(text, ensure_ascii=False)
