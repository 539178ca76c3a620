"""What a run has spent on training, in tokens and calls, so that runs can be compared at equal spending."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from seif.artifacts import RunDir
from seif.atomic import read_json
from seif.engines.metered import add_up
from seif.errors import DamagedFile
from seif.evaluation.results import GenerationNumbers


def tokens_by_turn(run_dir: RunDir) -> list[dict[str, int]]:
    """Of each turn from 1, the tokens that each role has read and written in generations that are done and in the GRPO
    steps that are logged.

    Turn 0's generation and all evaluations measure, and are not counted; pseudo-labels and the training of a
    classifier are not metered. A verdict out of the cache (`engine.cache`) costs nothing, also where a stage that was
    killed had asked for it in a step that is made anew: a resumed run then counts fewer tokens. What can't be read is
    left out. Raises UsageError when this is no run directory.
    """
    return _by_turn(run_dir, "tokens")


def calls_by_turn(run_dir: RunDir) -> list[dict[str, int]]:
    """The same in calls: prompts with a reply, and questions to a classifier. Runs of earlier versions counted none."""
    return _by_turn(run_dir, "calls")


def _by_turn(run_dir: RunDir, what: Literal["tokens", "calls"]) -> list[dict[str, int]]:
    steps, beginning = run_dir.steps(), f"{what}/"
    spent = []
    for turn in range(1, run_dir.config().turns + 1):
        logged = [
            {key.removeprefix(beginning): int(n) for key, n in step.metrics.items() if key.startswith(beginning)}
            for step in steps
            if step.turn == turn
        ]
        generation = run_dir.generation(turn)
        # `repair.damage` and `read_run` name it.
        with suppress(DamagedFile):
            if generation.exists():
                numbers = GenerationNumbers.from_json(read_json(generation), generation)
                logged.append(numbers.tokens if what == "tokens" else numbers.calls)
        spent.append(add_up(logged))
    return spent
