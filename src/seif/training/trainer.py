"""TRL's GRPO trainer with less to read: the same loss and the same update up to rounding, tested against TRL's own."""

from __future__ import annotations

import inspect
import random
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import torch
from trl import GRPOConfig, GRPOTrainer

from seif.engines.shapes import compiles_shapes, filled
from seif.errors import UsageError
from seif.training.packing import Row, group, pack

Logps = tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]
"""Log-probabilities, entropies, auxiliary loss."""
ORDER_FREE_LOSSES = ("cispo", "dapo", "dr_grpo", "grpo", "luspo", "sapo", "vespo")
"""TRL's losses whose value over an update does not depend on which of its rows share a micro-batch; `bnpo` averages
within each."""
_OVERRIDDEN = {
    "_prepare_inputs": ("self", "generation_batch"),
    "_generate_and_score_completions": ("self", "inputs"),
    "_get_per_token_logps_and_entropies": (
        "self",
        "model",
        "input_ids",
        "attention_mask",
        "logits_to_keep",
        "batch_size",
        "compute_entropy",
    ),
}
"""TRL's private methods that are overridden here, with the parameters that TRL passes; further ones must be
optional."""
TRL = "trl>=1.16,<1.17"
"""What pyproject.toml asks for."""
_ROW = "row"
"""Key, in a batch, of its rows' numbers over all processes."""
_READ = ("_buffered_inputs", "_step", "_log_metric", "use_vllm")
"""TRL's attributes that are read or set here, and are not documented."""


class _NothingToSync:
    """Stands for TRL's own vLLM where a rollout function has its own: that one has pushed the weights already."""

    def sync_weights(self) -> None:
        """TRL calls it before a generation."""


def check_methods(trainer: type) -> None:
    """Raises UsageError when TRL's trainer lacks a method that is overridden here, or gives it other parameters."""
    for name, expected in _OVERRIDDEN.items():
        method = getattr(trainer, name, None)
        if method is None:
            raise _other_trl(f"no {name}")
        parameters = list(inspect.signature(method).parameters.values())
        required = [p.name for p in parameters[len(expected) :] if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        if tuple(p.name for p in parameters[: len(expected)]) != expected or required:
            raise _other_trl(f"other parameters of {name}")


def _other_trl(what: str) -> UsageError:
    return UsageError(
        f"the installed trl {version('trl')} has {what}, on which seif's trainer builds; pip install '{TRL}'"
    )


def rows_are_exchangeable(arguments: GRPOConfig) -> bool:
    """Whether an update stays the same when its rows are put into other micro-batches.

    Quantiles and means of the entropy are taken within a micro-batch.
    """
    entropy = arguments.entropy_coef or arguments.use_adaptive_entropy or arguments.top_entropy_quantile < 1
    return arguments.loss_type in ORDER_FREE_LOSSES and not entropy


class GroupedTrainer(GRPOTrainer):
    """Reads the prompt of a group once, and puts rows of like length into one forward.

    TRL pads a whole generation to its longest prompt and its longest completion, shuffles the rows into
    micro-batches, and reads a group's prompt once for each of its completions. Within one update the order of rows
    changes nothing, so here groups stay together, sorted by length, and `packing` shares their prompts where
    attention takes a mask of its own.

    Where a step has several updates, which rows are in which depends on the seed, the step and the rows' numbers
    alone, and not on how many processes share them; TRL shuffles in each process by itself.
    """

    _buffered_inputs: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_methods(GRPOTrainer)
        super().__init__(*args, **kwargs)
        for name in _READ:
            if not hasattr(self, name):
                raise _other_trl(f"no {name}")

    def correct_for_sampler(self) -> None:
        """Have TRL use the log-probabilities that the rollout function returns as it uses those of its own vLLM:
        weigh the loss by `vllm_importance_sampling_mode`, and log how they differ from the trainer's."""
        self.use_vllm, self.vllm_generation, self._last_loaded_step = True, _NothingToSync(), -1

    @property
    def corrects_for_sampler(self) -> bool:
        """Whether TRL corrects for the sampler's log-probabilities, and logs how they differ."""
        return bool(self.use_vllm and self.args.vllm_importance_sampling_correction)

    def log_metric(self, name: str, value: float) -> None:
        """Log a number of this step; processes are averaged."""
        self._log_metric(name, value)

    @torch.no_grad()
    def log_probs(self, rows: Sequence[Row]) -> torch.Tensor:
        """(tokens,) log-probabilities of the completions' tokens, row after row, as training computes them at its
        temperature, without dropout."""
        training = self.model.training
        self.model.eval()
        outputs, packed = self._read(self.model, rows, self.accelerator.device)
        self.model.train(training)
        width = max(len(row.completion) for row in rows)
        values = packed.unpack(outputs.log_probs, rows, width)
        return torch.cat([line[: len(row.completion)] for line, row in zip(values, rows, strict=True)])

    def _generate_and_score_completions(self, inputs: list[Any]) -> Any:
        output = super()._generate_and_score_completions(inputs)
        first = self.accelerator.process_index * len(inputs)
        output[_ROW] = torch.arange(first, first + len(inputs), device=output["prompt_ids"].device)
        return output

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        batches = self._buffered_inputs
        if batches is not before:
            size, accumulated = len(batches[0][_ROW]), self.args.gradient_accumulation_steps
            rows = joined(batches)
            updates = updates_of(
                rows.pop(_ROW).tolist(), len(batches) // accumulated, f"{self.args.seed}/{self.state.global_step}"
            )
            exchangeable = rows_are_exchangeable(self.args)
            self._buffered_inputs = [
                batch for update in updates for batch in micro_batches(chosen(rows, update), size, exchangeable)
            ]
            inputs = self._buffered_inputs[self._step % self.args.steps_per_generation]
        return inputs

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **options: Any,
    ) -> Logps:
        """(rows, `logits_to_keep`) log-probabilities and, if wanted, entropies of the completions' tokens, as TRL's
        own method; zeros stand for padding."""
        if any(value is not None and value is not False for value in options.values()):
            # Images and the like, and auxiliary losses of experts, are read as TRL reads them.
            options |= {"batch_size": batch_size, "compute_entropy": compute_entropy}
            found: Logps = super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, **options
            )
            return found
        rows = rows_of(input_ids, attention_mask, logits_to_keep)
        order = in_groups(rows)
        size = batch_size or len(rows)
        logps, entropies = [], []
        for start in range(0, len(order), size):
            members = [rows[i] for i in order[start : start + size]]
            outputs, packed = self._read(model, members, input_ids.device)
            logps.append(packed.unpack(outputs.log_probs, members, logits_to_keep))
            if compute_entropy:
                entropies.append(packed.unpack(outputs.entropy, members, logits_to_keep))
        back = torch.tensor(order, device=input_ids.device).argsort()
        return torch.cat(logps)[back], torch.cat(entropies)[back] if compute_entropy else None, None

    def _read(self, model: Any, rows: Sequence[Row], device: torch.device) -> tuple[Any, Any]:
        config = self.accelerator.unwrap_model(model).config.get_text_config()
        attention = config._attn_implementation
        everywhere = all(kind == "full_attention" for kind in getattr(config, "layer_types", None) or [])
        share = everywhere and attention in ("eager", "sdpa") and not getattr(config, "sliding_window", None)
        groups = group(rows, share)
        few = compiles_shapes(device, torch.bfloat16 if self.args.bf16 else next(model.parameters()).dtype)
        longest = max(len(rows[g[0]].prompt) - 1 + sum(len(rows[i].completion) for i in g) for g in groups)
        packed = pack(
            rows,
            groups,
            (filled(len(groups), few), filled(longest, few, 8)),
            self.processing_class.pad_token_id or 0,
            device,
        )
        if any(len(members) > 1 for members in groups):
            mask = packed.mask()
            if attention == "eager":
                # Which adds the mask to its scores.
                mask = torch.zeros(mask.shape, device=device).masked_fill_(~mask, torch.finfo(torch.float32).min)
        else:
            mask = (packed.branch >= 0).long()
        with self.accelerator.autocast():
            outputs = model(
                input_ids=packed.ids,
                attention_mask=mask,
                position_ids=packed.positions,
                shift_labels=packed.labels,
                fused_lm_head=True,
            )
        return outputs, packed


def rows_of(input_ids: torch.Tensor, attention_mask: torch.Tensor, logits_to_keep: int) -> list[Row]:
    """The rows of a padded batch; the last `logits_to_keep` columns are the completions'. A completion without
    tokens keeps one."""
    end = input_ids.shape[1] - logits_to_keep
    real = attention_mask.bool()
    rows = []
    for ids, keep in zip(input_ids.tolist(), real.tolist(), strict=True):
        prompt = tuple(token for token, counts in zip(ids[:end], keep[:end], strict=True) if counts)
        completion = tuple(token for token, counts in zip(ids[end:], keep[end:], strict=True) if counts)
        rows.append(Row(prompt, completion or (ids[end],)))
    return rows


def in_groups(rows: Sequence[Row]) -> list[int]:
    """Row numbers so that rows of one prompt stand together, and groups of like length beside each other.

    The order depends on the rows alone: the reference and the policy then read them in the same places, and round
    alike.
    """
    longest: dict[tuple[int, ...], int] = {}
    for row in rows:
        longest[row.prompt] = max(longest.get(row.prompt, 0), len(row.prompt) + len(row.completion))
    return sorted(
        range(len(rows)),
        key=lambda i: (longest[rows[i].prompt], rows[i].prompt, len(rows[i].completion), rows[i].completion),
    )


def updates_of(numbers: Sequence[int], updates: int, seed: str) -> list[list[int]]:
    """Which rows each of `updates` updates reads, as indices into `numbers`, the rows' numbers over all processes.

    Of every `updates` rows that follow each other, each goes into another update, drawn by `seed`. A process that
    holds a multiple of them has then the same number of rows in each.
    """
    places = {number: i for i, number in enumerate(numbers)}
    found: list[list[int]] = [[] for _ in range(updates)]
    for block in range(min(numbers) // updates, max(numbers) // updates + 1):
        order = list(range(updates))
        random.Random(f"updates/{seed}/{block}").shuffle(order)
        for update, offset in enumerate(order):
            found[update].append(places[block * updates + offset])
    return found


def joined(batches: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The rows of several batches as one; what is no row (a count) is the same in all."""
    return {
        key: torch.cat([batch[key] for batch in batches]) if value.ndim else value for key, value in batches[0].items()
    }


def chosen(batch: dict[str, Any], rows: Sequence[int]) -> dict[str, Any]:
    """Some rows of a batch, in the given order."""
    return {key: value[list(rows)] if value.ndim else value for key, value in batch.items()}


def micro_batches(batch: dict[str, Any], size: int, exchangeable: bool) -> list[dict[str, Any]]:
    """The rows in batches of `size`; where they are exchangeable groups stay together, those of like length beside
    each other."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    order = in_groups(rows_of(ids, mask, batch["completion_ids"].shape[1])) if exchangeable else list(range(len(ids)))
    return [chosen(batch, order[i : i + size]) for i in range(0, len(order), size)]
