"""Learning from instructions alone (arXiv 2510.14420): a reward model, trained on pseudo-labels, is the Judger.

    instructions -> [1] pseudo-label (answers with and without a constraint) -> [2] train reward model
                 -> [3] train Follower (rollouts, reward model, GRPO) -> [4] audit, evaluate -> next turn

A turn's reward model learns from what the Follower that the turn starts from answers, so it judges the Follower of that
turn. Where an Instructor is trained too, or its instructions are chosen by probes, which goes beyond the paper, the
reward model of the turn before judges them. What an audit finds of a reward model is taken for the next one too, which
is not there yet.
"""

from __future__ import annotations

from seif.recipes.turns import Turns


def run(turns: Turns) -> None:
    """Run or resume all turns. Every stage is skipped when its output is whole."""
    turns.generate(0, turns.judge(1))
    if turns.first_reward_model:
        learn_to_judge(turns, 0)
    turns.audit(0, turns.reward_model_judge(1, trained=0))
    turns.evaluate(0, turns.reward_model_judge(1, trained=0))
    for turn in turns:
        before = turns.reward_model_judge(turn, trained=turn - 1)
        if turns.train_instructors:
            turns.train_instructor(turn, before)
        turns.generate(turn, before)
        learn_to_judge(turns, turn)
        judge = turns.reward_model_judge(turn, trained=turn)
        turns.train_follower(turn, judge)
        turns.audit(turn, judge)
        turns.evaluate(turn, judge)


def learn_to_judge(turns: Turns, turn: int) -> None:
    """The Follower's answers become labels, and the labels a reward model."""
    turns.pseudo_label(turn)
    turns.train_reward_model(turn)
