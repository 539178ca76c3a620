"""Rows that share a prompt, packed into one row that reads the prompt once.

A GRPO group has one prompt and n completions. TRL reads prompt and completion together, n times; here a packed row is

    prompt but its last token | last token, completion 1 | last token, completion 2 | ...

in which every branch sees the prompt and itself, at the positions that it would have alone, so every token's
log-probability is the same as in a row of its own. The prompt's last token opens each branch, because it predicts
another first token in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

MORE_ATTENTION = 1.3
"""Attention may look at this many times the positions when a prompt is shared: everything else then has less to
read."""
IGNORED = -100
"""Label of a token whose log-probability is not wanted."""


@dataclass(frozen=True)
class Row:
    """One prompt with one completion, as token ids."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]


@dataclass(frozen=True)
class Packed:
    """What a causal LM reads, all (packed rows, width). `labels[i, j]` is the token that position j predicts."""

    ids: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    branch: torch.Tensor
    """0 for a shared prompt, 1, 2, ... for what follows it, -1 for padding."""
    places: tuple[tuple[int, int], ...]
    """Of every row: in which packed row, and at which position, its first completion token is predicted."""

    def mask(self) -> torch.Tensor:
        """(packed rows, 1, width, width): whether a position (third axis) sees another (fourth)."""
        reader, read = self.branch.unsqueeze(2), self.branch.unsqueeze(1)
        causal = torch.ones(self.ids.shape[1], self.ids.shape[1], dtype=torch.bool, device=self.ids.device).tril()
        return (((read == 0) | (read == reader)) & causal).unsqueeze(1)

    def unpack(self, values: torch.Tensor, rows: Sequence[Row], width: int) -> torch.Tensor:
        """Per-token `values` (packed rows, width) of the completions of `rows`, padded with zeros to (rows,
        `width`)."""
        parts = [
            values[line, start : start + len(row.completion)]
            for (line, start), row in zip(self.places, rows, strict=True)
        ]
        return torch.stack([torch.nn.functional.pad(part, (0, width - len(part))) for part in parts])


def group(rows: Sequence[Row], share: bool) -> list[list[int]]:
    """Row numbers that are packed together: those of one prompt where that is cheaper, else each alone."""
    by_prompt: dict[tuple[int, ...], list[int]] = {}
    for number, row in enumerate(rows):
        by_prompt.setdefault(row.prompt, []).append(number)
    found: list[list[int]] = []
    for members in by_prompt.values():
        together = share and _worthwhile([rows[i] for i in members])
        found += [members] if together else [[i] for i in members]
    return found


def _worthwhile(rows: Sequence[Row]) -> bool:
    """In a packed row completions look at each other in vain: where they are long, rows are better alone."""
    packed = len(rows[0].prompt) + sum(len(row.completion) for row in rows)
    return len(rows) > 1 and packed**2 <= MORE_ATTENTION * sum(
        (len(row.prompt) + len(row.completion)) ** 2 for row in rows
    )


def pack(
    rows: Sequence[Row], groups: Sequence[Sequence[int]], width_of: Sequence[int], pad: int, device: torch.device
) -> Packed:
    """Lay out `groups` of `rows`, one packed row a group; `width_of` are the least numbers of packed rows and of
    columns.

    Padding stands on the right and below, where no position that counts sees it.
    """
    lines, places = [], {}
    for line, members in enumerate(groups):
        prompt = rows[members[0]].prompt
        shared = len(prompt) - 1
        ids, positions, labels, branch = list(prompt[:-1]), [*range(shared)], [IGNORED] * shared, [0] * shared
        for number, i in enumerate(members, 1):
            completion = rows[i].completion
            places[i] = (line, len(ids))
            ids += [prompt[-1], *completion[:-1]]
            positions += range(shared, shared + len(completion))
            labels += completion
            branch += [number] * len(completion)
        lines.append((ids, positions, labels, branch))
    height, width = max(width_of[0], len(lines)), max(width_of[1], *(len(line[0]) for line in lines))

    def table(column: int, filler: int) -> torch.Tensor:
        filled = [line[column] + [filler] * (width - len(line[column])) for line in lines]
        return torch.tensor(filled + [[filler] * width] * (height - len(lines)), device=device)

    return Packed(
        table(0, pad), table(1, 0), table(2, IGNORED), table(3, -1), tuple(places[i] for i in range(len(rows)))
    )
