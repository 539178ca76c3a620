"""How much memory training needs on each device: arithmetic over a model's sizes and a config. No model is loaded.

The numbers are for choosing settings. They assume attention kernels that keep no scores, and leave out what a device
needs by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

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
    tied: bool = True
    """Whether the head is the embedding."""

    @property
    def largest_unit(self) -> int:
        """Parameters of the largest part that FSDP gathers at once: a decoder layer, or embedding and head."""
        ends = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return max(ends, (self.parameters - ends) // self.layers)

    def cache(self, width: int) -> int:
        """Bytes of keys and values per token, `width` bytes each."""
        return 2 * self.layers * self.key_value_width * width


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
class Group:
    """The devices that train together."""

    devices: int = 1
    sharding: Literal["none", "fsdp2"] = "none"

    @property
    def shards(self) -> int:
        """Over how many devices the weights are split."""
        return self.devices if self.sharding == "fsdp2" else 1


ONE = Group()


@dataclass(frozen=True)
class Footprint:
    """Bytes on each device while a role is trained."""

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
    exchanged: int = 0
    """Between devices: two units of gathered weights where they are sharded, else one buffer of all gradients."""

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))


def training_footprint(model: Architecture, config: Config, compute: str, group: Group = ONE) -> Footprint:
    """The larger of the two roles' needs. `compute` is what `dtype: auto` becomes: float32, bfloat16 or float16."""
    roles = [config.follower.grpo, *([config.instructor.grpo] if config.instructor.train else [])]
    return max((_of_role(model, config, grpo, compute, group) for grpo in roles), key=lambda footprint: footprint.total)


def asks_frozen_roles(config: Config) -> bool:
    """Whether Filter, answerer or Judger are asked while a role is trained: not by a Follower that rules or a reward
    model judge."""
    return config.instructor.train or config.judging_model not in ("rules", "classifier")


def _of_role(model: Architecture, config: Config, grpo: Grpo, compute: str, group: Group) -> Footprint:
    computes = _BYTES[compute if config.dtype == "auto" else config.dtype]
    stored = 4 if grpo.dtype == "auto" else _BYTES[grpo.dtype]
    answers = computes if config.engine.dtype == "auto" else _BYTES[config.engine.dtype]
    if config.lora:
        adapter = 4 * config.lora.r * model.linear_widths
        # Weights, gradients and two moments of the adapter; its base needs neither gradients nor moments.
        gradients = adapter
        weights, reference = model.parameters * stored + 4 * adapter, adapter if grpo.kl else 0
    else:
        # Autocast keeps a copy of every weight that is trained; FSDP gathers them unit by unit in that type instead.
        copies = computes if computes < stored and group.shards == 1 else 0
        gradients = model.parameters * stored
        weights, reference = model.parameters * (4 * stored + copies), model.parameters * stored if grpo.kl else 0
    in_process = 0
    if config.engine.kind != "vllm" and asks_frozen_roles(config):
        # With `judger.weights: base` the answerer and the Judger differ from turn 2 on.
        in_process = 2 if config.judger.weights == "base" else 1
    # A reward model judges in this process, unless it is served.
    in_process += config.judging_model == "classifier" and config.self_supervised.reward_model.url is None
    writes = in_process > 0 or grpo.sampler == "engine"
    exchanged = 2 * model.largest_unit * min(computes, stored) if group.shards > 1 else gradients
    return Footprint(
        weights=weights // group.shards,
        reference=reference // group.shards,
        rollouts=model.parameters * computes if grpo.sampler == "engine" else 0,
        frozen=in_process * model.parameters * answers,
        generation=_generation(model, config.engine.token_budget, max(answers, computes)) if writes else 0,
        # Sharded weights are gathered in the type that is computed in, and so is what passes between layers.
        activations=_activations(model, grpo, min(computes, stored) if group.shards > 1 else stored),
        exchanged=exchanged if group.devices > 1 else 0,
    )


def _generation(model: Architecture, token_budget: int, width: int) -> int:
    # Logits, probabilities, their running sum and a comparison, as float32.
    return model.cache(width) * token_budget + 4 * 4 * model.vocabulary * (token_budget // _SHORTEST_PROMPT)


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
