"""The stages of a turn. Each takes files and writes files, and is also a command."""

from seif.stages.audit import AuditRequest, audit, lacks_next_judge
from seif.stages.evaluation import EvaluationRequest, evaluate, judger_measure, measure
from seif.stages.generation import GenerationRequest, generate
from seif.stages.given import take
from seif.stages.reward_model import RewardModelTraining, pseudo_label, train_reward_model
from seif.stages.training import FollowerTraining, InstructorTraining, train_follower, train_instructor

__all__ = [
    "AuditRequest",
    "EvaluationRequest",
    "FollowerTraining",
    "GenerationRequest",
    "InstructorTraining",
    "RewardModelTraining",
    "audit",
    "evaluate",
    "generate",
    "judger_measure",
    "lacks_next_judge",
    "measure",
    "pseudo_label",
    "take",
    "train_follower",
    "train_instructor",
    "train_reward_model",
]
