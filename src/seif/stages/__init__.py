"""The stages of a turn. Each takes files and writes files, is skipped when its output is whole, and is also a command."""

from seif.stages.evaluation import EvaluationRequest, evaluate, judger_measure
from seif.stages.generation import generate, take
from seif.stages.reward_model import pseudo_label, train_reward_model
from seif.stages.training import follower_steps, instructor_steps, train_follower, train_instructor

__all__ = [
    "EvaluationRequest",
    "evaluate",
    "follower_steps",
    "generate",
    "instructor_steps",
    "judger_measure",
    "pseudo_label",
    "take",
    "train_follower",
    "train_instructor",
    "train_reward_model",
]
