"""Tokens that a run has spent, where this version of seif counts them."""

from __future__ import annotations

import importlib
import importlib.util

from seif.artifacts import RunDir


def tokens_by_turn(run: RunDir) -> list[dict[str, int]]:
    """Of each turn from 1, by role; empty for each turn where they are not counted."""
    if importlib.util.find_spec("seif.spending") is None:
        return [{} for _ in range(run.config().turns)]
    counted: list[dict[str, int]] = importlib.import_module("seif.spending").tokens_by_turn(run)
    return counted
