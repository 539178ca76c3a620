"""How much memory training needs on one device: arithmetic over a model's sizes and a config. No model is loaded.

The numbers are for choosing settings. They assume attention kernels that keep no scores, and leave out what a device
needs by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from seif.config import Config, Grpo

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_LOGIT_TILE = (4096, 32_768)
"""Tokens and vocabulary entries: TRL computes log-probabilities from logits in tiles of this size."""
_SHORTEST_PROMPT = 256
"""Tokens of prompt and answer, at the least: it bounds the rows, and so the logits, that fit a token budget."""


@dataclass(frozen=True)
class Architecture:
    """A causal language model's sizes."""

    parameters: int
    layers: int
    hidden: int
    """Width of the residual stream."""
    intermediate: int
    """Width inside a feed-forward layer."""
    key_value_width: int
    """Heads of keys times their width."""
    vocabulary: int
    linear_widths: int
    """Inputs plus outputs of all linear layers but the head; an adapter of rank r has r times as many parameters."""
    context: int | None
    """Tokens of the longest text; None where the model's config has no such limit."""


@dataclass(frozen=True)
class Device:
    """What a run trains on."""

    name: str
    memory: int
    """Bytes."""
    gpu: bool
    compute: str
    """What `dtype: auto` becomes there: float32 or bfloat16."""
    reason: str
    """Why it computes in that type."""

    @property
    def gigabytes(self) -> str:
        return f"{self.memory / 1e9:.0f} GB"


@dataclass(frozen=True)
class Footprint:
    """Bytes on the device while a role is trained."""

    weights: int
    """The trained model, its gradients and optimiser state, and in mixed precision the copies that it computes with."""
    reference: int
    """The frozen copy from which the KL penalty is measured."""
    rollouts: int
    """The copy that samples rollouts."""
    frozen: int
    """Filter, answerer and Judger."""
    generation: int
    """Keys, values and logits while tokens are written."""
    activations: int
    """What the backward pass needs of one micro-batch."""

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))


def training_footprint(model: Architecture, config: Config, compute: str) -> Footprint:
    """The larger of the two roles' needs. `compute` is what `dtype: auto` becomes: float32, bfloat16 or float16."""
    roles = [config.follower.grpo, *([config.instructor.grpo] if config.instructor.train else [])]
    return max((_of_role(model, config, grpo, compute) for grpo in roles), key=lambda footprint: footprint.total)


def _of_role(model: Architecture, config: Config, grpo: Grpo, compute: str) -> Footprint:
    computes = _BYTES[compute if config.dtype == "auto" else config.dtype]
    stored = 4 if grpo.dtype == "auto" else _BYTES[grpo.dtype]
    answers = computes if config.engine.dtype == "auto" else _BYTES[config.engine.dtype]
    if config.lora:
        adapter = 4 * config.lora.r * model.linear_widths
        # Weights, gradients and two moments of the adapter; its base needs neither gradients nor moments.
        weights, reference = model.parameters * stored + 4 * adapter, adapter if grpo.kl else 0
    else:
        copies = computes if computes < stored else 0
        weights, reference = model.parameters * (4 * stored + copies), model.parameters * stored if grpo.kl else 0
    # With `judger.weights: base` the answerer and the Judger differ from turn 2 on.
    in_process = 0 if config.engine.kind == "vllm" else 2 if config.judger.weights == "base" else 1
    return Footprint(
        weights=weights,
        reference=reference,
        rollouts=model.parameters * computes,
        frozen=in_process * model.parameters * answers,
        generation=_generation(model, config.engine.token_budget, max(answers, computes)),
        activations=_activations(model, grpo, stored),
    )


def _generation(model: Architecture, token_budget: int, width: int) -> int:
    keys_and_values = 2 * model.layers * model.key_value_width * width * token_budget
    # Logits, probabilities, their running sum and a comparison, as float32.
    return keys_and_values + 4 * 4 * model.vocabulary * (token_budget // _SHORTEST_PROMPT)


def _activations(model: Architecture, grpo: Grpo, stored: int) -> int:
    tokens = grpo.micro_batch * (grpo.max_prompt_tokens + grpo.max_new_tokens)
    # A layer keeps about eight tensors of the residual's width and four of the feed-forward's.
    layer = tokens * (8 * model.hidden + 4 * model.intermediate) * stored
    kept = (
        model.layers * tokens * model.hidden * stored + layer if grpo.gradient_checkpointing else model.layers * layer
    )
    rows, entries = _LOGIT_TILE
    # A tile of logits, its gradient and one copy, as float32.
    return kept + 3 * 4 * min(tokens, rows) * min(model.vocabulary, entries)
