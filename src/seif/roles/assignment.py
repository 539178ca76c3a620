"""Which checkpoint plays which role in which turn (SEIF, arXiv 2605.07465, initialisation table): a pure function."""

from __future__ import annotations

from dataclasses import dataclass

REWARD_MODEL = "reward_model"


@dataclass(frozen=True)
class Checkpoint:
    """A role's weights: the base (`turn` 0) or those that a turn trained. The first reward model is turn 0's own."""

    role: str
    turn: int

    def __str__(self) -> str:
        return "base" if self.turn == 0 and self.role != REWARD_MODEL else f"{self.role}_{self.turn}"


@dataclass(frozen=True)
class Assignment:
    """Who starts from what, and who judges, in one turn."""

    instructor_start: Checkpoint
    follower_start: Checkpoint
    filter: Checkpoint
    answerer: Checkpoint
    judger: Checkpoint
    instruction_writer: Checkpoint
    instructor_reward_model: Checkpoint
    follower_reward_model: Checkpoint
    """Who judges in place of `judger` where the Judger is a classifier."""


def assign(turn: int, judger_weights: str = "previous", train_instructor: bool = True) -> Assignment:
    """The table of the paper: the base in turn 1; later the Follower of the turn before plays the frozen roles.

    `judger_weights="base"` keeps the base as Filter and Judger; with `train_instructor=False` the base writes
    throughout. A turn's reward model learns from the answers of the Follower that the turn starts from, to the
    instructions that the turn's Instructor wrote; so it can judge the Follower of that turn, and the Instructor of
    the next.
    """
    if turn < 1:
        raise ValueError(f"turns count from 1, got {turn}")
    follower = Checkpoint("follower", turn - 1)
    frozen = Checkpoint("follower", 0) if judger_weights == "base" else follower
    return Assignment(
        instructor_start=Checkpoint("instructor", turn - 1),
        follower_start=follower,
        filter=frozen,
        answerer=follower,
        judger=frozen,
        instruction_writer=Checkpoint("instructor", turn if train_instructor else 0),
        instructor_reward_model=Checkpoint(REWARD_MODEL, turn - 1),
        follower_reward_model=Checkpoint(REWARD_MODEL, turn),
    )
