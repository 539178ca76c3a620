"""A judge that asks a reward model, in process or by its service."""

from __future__ import annotations

from seif.errors import UsageError
from seif.judges.base import Judge, JudgeContext, register_judge


@register_judge("classifier", uses_model=False)
def _make(context: JudgeContext) -> Judge:
    """Raises UsageError where neither the config nor the turn has a reward model, and for a path that holds no
    classifier with two labels.
    """
    from seif.self_supervised.classifier import ClassifierJudge, Service, in_process

    settings, engine = context.config.self_supervised, context.config.engine
    if settings.reward_model.url:
        return ClassifierJudge(
            Service(settings.reward_model.url, engine.timeout, engine.retries).ask, settings.hard_labels
        )
    from seif.self_supervised.scorer import Scorer

    path = settings.reward_model.checkpoint or context.reward_model
    if path is None:
        raise UsageError("a classifier judges: name it with self_supervised.reward_model.checkpoint or url")
    scorer = Scorer.load(path, engine.dtype, engine.token_budget, context.config.attn_implementation)
    context.on_close(scorer.close)
    return ClassifierJudge(in_process(scorer), settings.hard_labels)
