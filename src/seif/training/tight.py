"""TRL's GRPO trainer without the padding that it does not need."""

from __future__ import annotations

from typing import Any

import torch
from trl import GRPOTrainer

from seif.engines.shapes import filled


class TightTrainer(GRPOTrainer):
    """Rows of like length share a forward, and every forward is cut to the columns that some row of it uses.

    TRL pads a whole generation to its longest prompt and its longest completion and shuffles the rows into micro-batches.
    Within one update the order of its rows changes nothing (the loss is normalised over the whole update), so they are
    sorted there. One long answer in a hundred then costs one long row, not a hundred.
    """

    _buffered_inputs: Any

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        batches = self._buffered_inputs
        if batches is not before:
            update = self.args.gradient_accumulation_steps
            self._buffered_inputs = [batch for i in range(0, len(batches), update) for batch in by_length(batches[i : i + update])]
            inputs = self._buffered_inputs[self._step % self.args.steps_per_generation]
        return inputs

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, logits_to_keep: int, batch_size: int | None = None, **options: Any
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        order = attention_mask.sum(1).argsort(stable=True)
        logps, entropies, losses = [], [], []
        for rows in order.split(batch_size or len(order)):
            used = attention_mask[rows].any(0).nonzero()
            # On both sides of the prompt's end, to few widths on a CPU.
            end = input_ids.shape[1] - logits_to_keep
            first = max(0, end - filled(end - int(used[0]), input_ids.device))
            last = min(input_ids.shape[1], end + filled(max(1, int(used[-1]) + 1 - end), input_ids.device))
            cut = input_ids.shape[1] - last
            found = super()._get_per_token_logps_and_entropies(
                model, input_ids[rows, first:last], attention_mask[rows, first:last], logits_to_keep - cut, **options
            )
            # Zeros stand where there is only padding, which the loss masks out.
            logps.append(torch.nn.functional.pad(found[0], (0, cut)))
            entropies += [torch.nn.functional.pad(found[1], (0, cut))] if found[1] is not None else []
            losses += [found[2]] if found[2] is not None else []
        back = order.argsort()
        return torch.cat(logps)[back], torch.cat(entropies)[back] if entropies else None, torch.stack(losses).mean() if losses else None


def by_length(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows in as many batches of the same size, those of like length together."""
    whole = {key: torch.cat([batch[key] for batch in batches]) if value.ndim else value for key, value in batches[0].items()}
    lengths = whole["prompt_mask"].sum(1) + whole["completion_mask"].sum(1)
    order = lengths.argsort(stable=True).split(len(batches[0]["prompt_mask"]))
    return [{key: value[rows] if value.ndim else value for key, value in whole.items()} for rows in order]
