"""The Judger's kinds: `judger.kind` names one of them, and a plugin adds its own with `register_judge`."""

from seif.judges import classifier, generative, hybrid, logprob, rules  # noqa: F401  they register themselves
from seif.judges.base import (
    JUDGES,
    Judge,
    JudgeContext,
    JudgeKind,
    Judgement,
    NoOptions,
    judging_kind,
    options_of,
    register_judge,
)

__all__ = [
    "JUDGES",
    "Judge",
    "JudgeContext",
    "JudgeKind",
    "Judgement",
    "NoOptions",
    "judging_kind",
    "options_of",
    "register_judge",
]
