"""From a rollout to its reward and its parts: filter -> answer -> judge, without waiting for the other samples."""

from __future__ import annotations

import asyncio
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from seif.archive import Archive
from seif.config import Instructor
from seif.constraints.signature import Shares, signature_of
from seif.constraints.verifiers import verdict_of
from seif.engines.base import Engine, Request
from seif.errors import RunError, named
from seif.judges.audited import UNRELIABLE
from seif.judges.base import Judge, Judgement
from seif.rewards import (
    FOLLOWER_REWARDS,
    INSTRUCTOR_REWARDS,
    call,
    constraint_mean,
    per_constraint,
    share_penalty,
    values_of,
)
from seif.roles import follower, instructor
from seif.roles.filter import Filter
from seif.types import Constraint, Instruction, Verdict, adherence

BAD_ANSWER = "answer of bad format"
EXPECTED = (BAD_ANSWER, UNRELIABLE)
"""Causes of missing verdicts that are no failure of what judges."""


@dataclass(frozen=True)
class Check:
    """A constraint of type `kind` on which rule and model both spoke: does each find it satisfied?"""

    kind: str
    rule: bool
    model: bool


@dataclass(frozen=True)
class Score:
    """A reward and what led to it. `reward` None: nothing could be judged, so the sample leaves its group."""

    reward: float | None
    outcome: str
    """`judged`, `unjudged`, or why the reward is zero: `bad format`, `repeated constraint`, `copied example`, `unknown
    type`, `held-out type`, `contradictory`.
    """
    adherence: float | None = None
    verdicts: tuple[Verdict, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    causes: tuple[str, ...] = ()
    """Why verdicts are missing, one per unjudged verdict."""
    checks: tuple[Check, ...] = ()
    """The model's verdicts on what a rule can check."""
    soft_scores: tuple[float | None, ...] = ()
    """What counts in the reward in place of each verdict's 1 or 0, where the judge gave it."""

    @property
    def failures(self) -> int:
        """Verdicts that are missing because a Judger, Filter or engine failed, and not for a Follower's bad format or
        an audit's finding."""
        return sum(cause not in EXPECTED for cause in self.causes)


def item_seed(*parts: object) -> int:
    """A sampling seed that depends on what is sampled and on nothing else."""
    return zlib.crc32("/".join(map(str, parts)).encode())


class FollowerScorer:
    """R_F of one reply: the registered Follower reward over the Judger's verdicts; 0 for a reply of bad format."""

    def __init__(self, judge: Judge, response_format: str, reward: str = "constraint_mean", seed: int = 0) -> None:
        self.judge, self.response_format, self.name, self.seed = judge, response_format, reward, seed
        self.reward = FOLLOWER_REWARDS.get(reward)

    async def score(self, instruction: Instruction, text: str, finished: bool, *place: int) -> Score:
        """The reply's score. `place`, its step and its index there, is what a seeded reward depends on."""
        reply = follower.parse(text, finished, self.response_format)
        if reply is None:
            return Score(0.0, "bad format", constraints=instruction.constraints)
        judgements = await judge_all(self.judge, instruction, reply)
        verdicts, causes = _split(judgements)
        soft_scores = _soft_scores(judgements)
        with named(f"the Follower reward {self.name!r}"):
            seed = item_seed("reward", self.seed, *place)
            reward = call(self.reward, verdicts, soft_scores, seed=seed)
        return Score(
            reward,
            "unjudged" if reward is None else "judged",
            adherence(verdicts),
            verdicts,
            instruction.constraints,
            causes,
            check(instruction, reply, judgements),
            soft_scores,
        )


@dataclass(frozen=True)
class Answerer:
    """The frozen Follower that answers what the Instructor writes."""

    engine: Engine
    style: str
    """Which prompts it is asked with."""
    response_format: str
    max_new_tokens: int
    temperature: float
    seed: int

    async def answer(self, instruction: Instruction, *place: int) -> tuple[str | None, str]:
        """An answer, None for bad format or an error, and the cause of an error.

        The sampling seed depends on `place`.
        """
        prompt = follower.messages(self.style, instruction, self.response_format)
        seed = item_seed("answer", self.seed, *place)
        completion = await self.engine.complete(Request(prompt, self.max_new_tokens, self.temperature, seed))
        if completion.error:
            return None, completion.error
        return follower.parse(completion.text, completion.finish_reason == "stop", self.response_format), ""


@dataclass(frozen=True)
class Writing:
    """One reply of the Instructor: its seed question, how many constraints it was asked for, and whether it ended."""

    question: str
    count: int
    text: str
    finished: bool


@dataclass(frozen=True)
class InstructorScorer:
    """R_I of one instruction: the frozen Follower answers it, the Judger judges; 0 unless the Filter accepts it."""

    filter: Filter
    answerer: Answerer
    judge: Judge
    settings: Instructor
    held_out_types: frozenset[str] = frozenset()
    """Ids of the types that may not be written."""
    archive: Archive = field(default_factory=Archive)
    """What the pools of earlier turns hold."""
    seed: int = 0
    """What seeded rewards depend on, beside a reply's step and index."""

    async def score_batch(self, writings: Sequence[Writing], step: int) -> list[Score]:
        """Score a step's replies together; the share penalty looks at all."""
        scores = await asyncio.gather(*(self._score(i, writing, step) for i, writing in enumerate(writings)))
        return penalised(scores, self.settings, self.archive)

    async def _score(self, index: int, writing: Writing, step: int) -> Score:
        constraints = instructor.parse(writing.text, writing.finished, writing.count)
        if constraints is None:
            return Score(0.0, "bad format")
        flaw = instructor.invalid(constraints, self.settings.known_types, self.held_out_types)
        if flaw:
            return Score(0.0, flaw, constraints=constraints)
        instruction = Instruction(writing.question, constraints)
        decision = await self.filter.check(instruction)
        if decision.verdict is Verdict.UNJUDGED:
            return Score(
                None, "unjudged", verdicts=(Verdict.UNJUDGED,), constraints=constraints, causes=(decision.reason,)
            )
        if decision.verdict is Verdict.VIOLATED:
            return Score(0.0, "contradictory", constraints=constraints)
        answers = await asyncio.gather(
            *(self._answer(instruction, step, index, k) for k in range(self.settings.answers))
        )
        found = [(*_split(judgements), _soft_scores(judgements)) for judgements, _ in answers]
        # A(x, y) whatever the Follower's reward is: the paper defines the Instructor's by it.
        adherences = [constraint_mean(verdicts, soft_scores) for verdicts, _, soft_scores in found]
        with named(f"the Instructor reward {self.settings.reward!r}"):
            registered = INSTRUCTOR_REWARDS.get(self.settings.reward)
            rewarded = partial(call, registered, seed=item_seed("reward", self.seed, step, index))
            if self.settings.per_constraint:
                rows = [values_of(verdicts, soft_scores) for verdicts, _, soft_scores in found]
                reward = per_constraint(rewarded, rows)
            else:
                reward = rewarded(adherences)
        known = [a for a in adherences if a is not None]
        return Score(
            reward,
            "unjudged" if reward is None else "judged",
            sum(known) / len(known) if known else None,
            tuple(v for verdicts, *_ in found for v in verdicts),
            constraints,
            tuple(c for _, causes, _ in found for c in causes),
            tuple(c for _, checks in answers for c in checks),
        )

    async def _answer(
        self, instruction: Instruction, step: int, index: int, k: int
    ) -> tuple[list[Judgement], tuple[Check, ...]]:
        """One answer, judged. An answer of bad format can't be judged: it must not raise the Instructor's reward."""
        reply, error = await self.answerer.answer(instruction, step, index, k)
        if reply is None:
            return [Judgement(Verdict.UNJUDGED, cause=error or BAD_ANSWER)], ()
        judgements = await judge_all(self.judge, instruction, reply)
        return judgements, check(instruction, reply, judgements)


def penalised(scores: Sequence[Score], settings: Instructor, archive: Archive) -> list[Score]:
    """The scores of a step, less the penalties on what fills the step or the archive.

    No penalty takes a reward below 0; one that corrected verdicts have made negative stays as it is, and so do zeros
    for an invalid set.
    """
    in_step, in_archive = settings.share_penalty, settings.archive_penalty
    if not (in_step or in_archive):
        return list(scores)
    signatures = [[signature_of(c) for c in s.constraints] for s in scores]
    shares = Shares(chain.from_iterable(signatures))
    penalties = [share_penalty(row, shares, in_step) + share_penalty(row, archive, in_archive) for row in signatures]
    return [_less(s, penalty) for s, penalty in zip(scores, penalties, strict=True)]


def _less(score: Score, penalty: float) -> Score:
    if score.outcome != "judged" or score.reward is None:
        return score
    return replace(score, reward=max(min(0.0, score.reward), score.reward - penalty))


async def judge_all(judge: Judge, instruction: Instruction, reply: str) -> list[Judgement]:
    """Each constraint judged alone, all at once. Raises RunError for a judge that raises, or returns no Judgement."""

    async def one_of(constraint: Constraint) -> Judgement:
        # Within the task: SystemExit would leave it past whoever awaits it.
        with named(f"the judge {type(judge).__name__}"):
            return await judge.judge(instruction, reply, constraint)

    found = list(await asyncio.gather(*map(one_of, instruction.constraints)))
    for one in found:
        if not isinstance(one, Judgement) or not isinstance(one.verdict, Verdict):
            raise RunError(f"the judge {type(judge).__name__} returned {one!r:.60}; return a Judgement with a Verdict")
        if one.soft_score is not None and not math.isfinite(one.soft_score):
            raise RunError(
                f"the judge {type(judge).__name__} returned the soft score {one.soft_score}; it is no number"
            )
    return found


def check(instruction: Instruction, reply: str, judgements: Sequence[Judgement]) -> tuple[Check, ...]:
    """Rule and model side by side, wherever a rule can check what a model was asked."""
    asked = [
        (c, j.model is Verdict.SATISFIED)
        for c, j in zip(instruction.constraints, judgements, strict=True)
        if c.checkable and j.model in (Verdict.SATISFIED, Verdict.VIOLATED)
    ]
    ruled = [(c.instruction_id, verdict_of(reply, c), said) for c, said in asked]
    return tuple(Check(kind, v is Verdict.SATISFIED, said) for kind, v, said in ruled if v is not Verdict.UNJUDGED)


def check_unjudged(scores: Sequence[Score], limit: float) -> float:
    """The share of verdicts that a Judger, Filter or engine failed to give.

    Raises RunError, with the commonest cause, above `limit`.
    """
    causes = Counter(c for s in scores for c in s.causes if c not in EXPECTED)
    asked = sum(len(s.verdicts) for s in scores) - sum(len(s.causes) - s.failures for s in scores)
    return within_limit(causes, asked, limit)


def within_limit(causes: Counter[str], asked: int, limit: float, what: str = "verdicts") -> float:
    """The share of the `asked` verdicts, or of `what` else was asked for, that are missing for `causes`.

    Raises RunError, naming the commonest cause, above `limit`.
    """
    share = causes.total() / asked if asked else 0.0
    if share > limit:
        why = causes.most_common(1)[0][0]
        raise RunError(
            f"{share:.0%} of the {what} are missing (limit {limit:.0%}; "
            f"most often: {why}); fix what failed and run the same command again"
        )
    return share


def _soft_scores(judgements: Sequence[Judgement]) -> tuple[float | None, ...]:
    return tuple(j.soft_score for j in judgements)


def _split(judgements: Sequence[Judgement]) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    return tuple(j.verdict for j in judgements), tuple(j.cause for j in judgements if j.verdict is Verdict.UNJUDGED)
