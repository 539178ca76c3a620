"""Rollouts and their rewards, and the bridge between TRL's reward function and a stage's asynchronous one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from seif.chat import DEFAULT, ChatFormat
from seif.engines.metered import Meter, Spent
from seif.stage_log import Outcome, RolloutRecord, Tables
from seif.training import ranks


@dataclass(frozen=True)
class Rollout:
    """One completion to be rewarded."""

    row: int
    """Index of its prompt among the job's prompts."""
    text: str
    finished: bool
    """Whether it wrote its end token."""
    prompt_tokens: int = 0
    new_tokens: int = 0


@dataclass(frozen=True)
class RewardBatch:
    """The rewards of one step's rollouts, in their order."""

    rewards: list[float | None]
    """None: unjudged; the rollout leaves its group."""
    metrics: dict[str, float]
    records: Sequence[RolloutRecord]
    """Rollouts to be kept, for the rollout file."""
    checks: Tables = field(default_factory=dict)
    """Counts per type of how model and rule judged the same answers, see `held_out.tabulate`."""
    spent: Spent = field(default_factory=lambda: Meter().spent())
    """On the step, by role."""
    outcomes: Sequence[Outcome] = ()
    """What the rollouts of each instruction showed, of a Follower's step."""


Reward = Callable[[list[Rollout], int], Coroutine[Any, Any, RewardBatch]]
"""Scores the rollouts of a step; steps count from 1."""


class RewardFunction:
    """TRL's reward function: passes each generation to the stage's reward and keeps the result for the log.

    Of several processes the first one rewards the rollouts of all, so that what looks at a whole step (shares of
    types, limits, caches, logs) sees all of it, whatever their number.

    The reward is async; its event loop runs in the trainer's own thread and not in TRL's second one, where the
    in-process engine would get a thread pool of its own and the two pools would compete for the cores (2.2 times
    slower on two cores).
    """

    __name__ = "adherence"

    def __init__(
        self, reward: Reward, updates_per_step: int, prompt_tokens: Sequence[int], chat: ChatFormat = DEFAULT
    ) -> None:
        self.reward, self.updates_per_step, self.chat = reward, updates_per_step, chat
        self.prompt_tokens = prompt_tokens
        """By row, how many tokens its prompt has."""
        self.end_ids: set[int] = set()
        self.batch: RewardBatch | None = None

    def __call__(
        self,
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        row: list[int],
        trainer_state: Any,
        log_metric: Callable[[str, float], None],
        **_: Any,
    ) -> list[float | None]:
        rollouts = [
            Rollout(
                index,
                self.chat.read(completion[0]["content"]),
                bool(ids) and ids[-1] in self.end_ids,
                self.prompt_tokens[index],
                len(ids),
            )
            for index, completion, ids in zip(row, completions, completion_ids, strict=True)
        ]
        step = trainer_state.global_step // self.updates_per_step + 1
        processes = ranks.current()
        everything = processes.gather(rollouts)
        batch = processes.from_first(lambda: asyncio.run(self.reward(everything, step)))
        self.batch = batch
        for name, value in batch.metrics.items():
            log_metric(name, value)
        return batch.rewards[processes.rank * len(rollouts) : (processes.rank + 1) * len(rollouts)]
