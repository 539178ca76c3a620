"""[4] Audit: the error rates of the judges of this turn and the next, and the Follower's accuracy, on audit tasks."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seif.artifacts import Beside
from seif.atomic import JsonLines, read_json, write_json
from seif.config import Config
from seif.config.changes import without_changeable
from seif.constraints.compiler import compile_text
from seif.constraints.taxonomy import type_of
from seif.evaluation.audit import Audit, JudgeAudit, JudgeRates, Share, audit_of, corrected, measured
from seif.evaluation.held_out import Answer, Sampling, answer_tasks, judge_answers, load_tasks
from seif.judges.audited import Reliance
from seif.models import JudgeWeights, ModelPool, judging, relied_on, same_judge
from seif.scoring import item_seed, within_limit
from seif.self_supervised import curriculum
from seif.training.checkpoints import claim
from seif.types import Constraint, Verdict


@dataclass(frozen=True)
class AuditRequest:
    """Which models one audit measures."""

    turn: int
    model: str
    """The Follower: a checkpoint directory or hub id."""
    judge: JudgeWeights
    """What judged in the turn's rewards, by the audit that it names."""
    next_judge: JudgeWeights | None
    """What will judge in the next turn; None: there is none, or it is not there yet."""
    rollouts: JsonLines
    """Those of the turn's Follower in training."""
    out: Path


def audit(config: Config, request: AuditRequest) -> Audit:
    """Write, and return, what the audit finds; the same call after a kill or a failure asks for the rest alone.

    Raises UsageError for tasks that no verifier checks, and RunError when more than `judger.max_unjudged` of the
    Follower's replies or of a judge's verdicts are missing.
    """
    parts = Beside(request.out).parts
    claim(parts, _identity(config, request), config.dtype)
    with ModelPool(config, request.out) as pool:
        found = asyncio.run(_audit(config, pool, request, parts))
    write_json(request.out, found.to_json())
    shutil.rmtree(parts)
    return found


def _identity(config: Config, request: AuditRequest) -> list[object]:
    """What two equal audits have in common, as JSON values."""
    judges = [judge and [judge.model, judge.reward_model] for judge in (request.judge, request.next_judge)]
    return [request.turn, request.model, judges, without_changeable(config)]


def lacks_next_judge(config: Config, request: AuditRequest) -> bool:
    """Whether the finished audit says nothing of a next judge that is there to be audited: it was that of the last
    turn, and there are more turns now."""
    upcoming = request.next_judge
    if upcoming is None or same_judge(config, upcoming, request.judge) or config.judging_model == "rules":
        return False
    return Audit.from_json(read_json(request.out), request.out).next_judge is None


async def _audit(config: Config, pool: ModelPool, request: AuditRequest, parts: Path) -> Audit:
    assert config.audit is not None
    tasks, grpo = load_tasks(Path(config.audit)), config.follower.grpo
    # As rollouts are written, with the same seeds in every turn, so that turns are compared task by task.
    seed = item_seed("audit", config.seed)
    sampling = Sampling(config.prompts, config.follower.format, grpo.max_new_tokens, grpo.temperature, seed)
    with pool.use(request.model) as engine:
        answers = await answer_tasks(engine, tasks, sampling, parts / "answers.jsonl")
    missing = Counter(answer.error for answer in answers if answer.error)
    within_limit(missing, len(tasks), config.judger.max_unjudged, "replies to audit tasks")
    asking = _Asking(config, pool, answers, parts)
    upcoming, judge = request.next_judge, request.judge
    if upcoming is not None and same_judge(config, upcoming, judge):
        upcoming = None
    found = measured(request.turn, answers)
    # The next judge is the Follower that has just answered, whose weights are still loaded.
    known = {"next_judge": await asking.ask("next_judge", upcoming) if upcoming else None}
    known["judge"] = await asking.ask("judge", judge)
    judged = known["judge"]
    soft = _corrected(request.rollouts, judged) if judged else {}
    more = {"corrected": soft} if soft else {}
    return found.model_copy(update={**{name: value for name, value in known.items() if value}, **more})


@dataclass(frozen=True)
class _Asking:
    config: Config
    pool: ModelPool
    answers: Sequence[Answer]
    parts: Path

    async def ask(self, name: str, judge: JudgeWeights) -> JudgeAudit | None:
        """Its verdicts on the answers, without the rules that `hybrid` asks first; None where no model judges."""
        config = self.config
        classifies = config.judging_model == "classifier"
        there = not classifies or judge.reward_model is not None or config.self_supervised.reward_model.given
        if config.judging_model == "rules" or not there:
            return None
        asked: Callable[[Constraint], bool] = curriculum.soft(config) if classifies else lambda constraint: True
        with judging(self.pool, judge.model, judge.reward_model, alone=True) as judger:
            found, unjudged = await judge_answers(judger, self.answers, asked, self.parts / f"{name}.jsonl")
        missing = Counter(verdict.cause for verdict in unjudged)
        if config.judger.kind == "hybrid" and found:
            # It may ask a judge that knows a few types alone; rules judge the others.
            known = {verdict.kind for verdict in found}
            missing = Counter(verdict.cause for verdict in unjudged if verdict.kind in known)
        within_limit(missing, len(found) + missing.total(), config.judger.max_unjudged, "verdicts of the audit")
        # The rewards of the turn have used the audit that its judge names; those of the next will use this one.
        reliance = relied_on(config, judge.audit) if judge.audit else Reliance()
        return audit_of(judge.reward_model or judge.model, found, len(unjudged), reliance)


def _corrected(rollouts: JsonLines, judge: JudgeRates) -> dict[str, Share]:
    """What the turn's rollouts say of constraints that no rule checks, by type."""
    hits: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for kind, satisfied in _soft_verdicts(rollouts):
        counts[kind] += 1
        hits[kind] += satisfied
    found = {kind: corrected(hits[kind], n, judge) for kind, n in sorted(counts.items())}
    return {kind: share for kind, share in found.items() if share.value is not None}


def _soft_verdicts(rollouts: JsonLines) -> Iterable[tuple[str, bool]]:
    """(type, satisfied) of each verdict on a constraint that no rule checks."""
    unjudged = Verdict.UNJUDGED.name.lower()
    for rollout in rollouts.read():
        for text, verdict in zip(rollout["constraints"], rollout["verdicts"], strict=False):
            constraint = compile_text(text)
            if not constraint.checkable and verdict != unjudged:
                yield type_of(constraint), verdict == Verdict.SATISFIED.name.lower()
