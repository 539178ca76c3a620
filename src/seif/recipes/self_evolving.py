"""Self-evolving reinforcement learning (SEIF, arXiv 2605.07465).

    seeds -> [1] train Instructor -> [2] generate (Instructor, parse, Filter) -> instructions
          -> [3] train Follower (rollouts, Judger, GRPO) -> [4] audit, evaluate -> next turn

The base plays every role in turn 1. Later the Follower of the turn before is Filter, answerer and Judger.
"""

from __future__ import annotations

from seif.recipes.turns import Turns


def run(turns: Turns) -> None:
    """Run or resume all turns.

    Every stage is skipped when its output is whole. Without a trained Instructor, it is the control arm.
    """
    turns.generate(0, turns.judge(1))
    turns.audit(0, turns.judge(1))
    turns.evaluate(0, turns.judge(1))
    for turn in turns:
        judge = turns.judge(turn)
        if turns.train_instructors:
            turns.train_instructor(turn, judge)
        turns.generate(turn, judge)
        turns.train_follower(turn, judge)
        turns.audit(turn, judge, turns.judge(turn + 1))
        turns.evaluate(turn, judge)
