"""The frontier gate of a generation: the Follower answers every candidate a few times, the turn's judge judges the
answers, and of each seed's candidates the one nearest to p = 1/2 stays."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from seif.activity import doing
from seif.config import Config
from seif.constraints.taxonomy import type_of
from seif.engines.metered import Meter, Metered, Spent, counting
from seif.engines.together import PENDING, as_answered
from seif.evaluation.results import GateNumbers
from seif.frontier import Tally, TypeMeans, score, select
from seif.journal import Journal
from seif.judges import Judge
from seif.models import JudgeWeights, ModelPool, rewarding
from seif.scoring import EXPECTED, Answerer, item_seed, judge_all, within_limit
from seif.types import Instruction, Json, Verdict

_SIGNS = {Verdict.SATISFIED: "1", Verdict.VIOLATED: "0", Verdict.UNJUDGED: "?"}
_VERDICTS = {sign: verdict for verdict, sign in _SIGNS.items()}


@dataclass(frozen=True)
class Candidates:
    """The candidates of a generation, by number: those of a seed stand together."""

    width: int
    """How many a seed has at most."""
    passed: Callable[[], Iterator[int]]
    """Those that passed the Filter, in order."""
    instruction: Callable[[int], Instruction]
    place: Callable[[int], tuple[int, ...]]
    """What a candidate's sampling seeds depend on."""


class Gate:
    """Probes candidates and chooses among them; what was found out stands in `journal`."""

    def __init__(self, config: Config, turn: int, candidates: Candidates, journal: Journal) -> None:
        self.config, self.turn, self.candidates, self.journal = config, turn, candidates, journal

    async def probe(self, models: ModelPool, follower: str, weights: JudgeWeights) -> None:
        """Let the `follower` answer every candidate, and the judge judge each constraint of each answer.

        A candidate whose probe had failures is asked again by the same command. Raises RunError when too many verdicts
        are missing.
        """
        if any(True for _ in self._missing()):
            grpo, seed = self.config.follower.grpo, item_seed(self.config.seed, self.turn, "probe")
            style, response_format = self.config.prompts, self.config.follower.format
            with (
                models.use(follower) as engine,
                # The journal has every verdict, and a cache would hold them all in memory.
                rewarding(models, weights, cached=False) as judge,
            ):
                answerer = Answerer(
                    Metered(engine, "probe"), style, response_format, grpo.max_new_tokens, grpo.temperature, seed
                )
                pending = max(1, PENDING // self.config.instructor.probes)
                with doing("probes", sum(1 for _ in self._missing())) as work:
                    async for group in as_answered(partial(self._ask, answerer, judge), self._missing(), pending):
                        self.journal.add(group)
                        work.advance(len(group))
        failures, asked = Counter[str](), 0
        for i in self.candidates.passed():
            failures.update(self.journal.get(i)["failures"])
            asked += self.journal.get(i)["asked"]
        within_limit(failures, asked, self.config.judger.max_unjudged)

    def choose(self, edits: Callable[[int], bool]) -> tuple[bytearray, GateNumbers]:
        """By candidate, whether it stays; and the gate's numbers, for which `edits` tells edited candidates."""
        means, counts = TypeMeans(), Counter[str]()
        for _, tally in self._tallies():
            means.add(tally)
        whole = self.config.follower.reward == "all_or_nothing"
        scores = array("d", [math.nan]) * self.journal.items
        for i, tally in self._tallies():
            counts["candidates"] += 1
            counts["edited"] += edits(i)
            if not any(tally.judged):
                counts["dropped_unjudged"] += 1
                continue
            counts["probed"] += 1
            if tally.always or tally.never:
                counts["dropped_always" if tally.always else "dropped_never"] += 1
                continue
            counts["constraints"] += len(tally.types)
            counts["scored"] += 1
            scores[i] = score(tally, means, whole)
        mean = counts["constraints"] / max(1, counts["scored"])
        quota = self.config.instructor.type_quota
        selection = select(scores, self.candidates.width, self._types, quota, mean)
        names = ("candidates", "edited", "probed", "dropped_unjudged", "dropped_always", "dropped_never")
        return selection.chosen, GateNumbers(
            **{name: counts[name] for name in names}, over_quota=selection.over_quota, mean_p=means.overall
        )

    def spent(self) -> Spent:
        """What the probes took."""
        meter = Meter()
        for i in self.candidates.passed():
            meter.include(self.journal.get(i))
        return meter.spent()

    async def _ask(self, answerer: Answerer, judge: Judge, i: int) -> Json:
        """The probe of a candidate as its entry in the journal: `verdicts` has a text for each answer of good format,
        with a sign for each constraint, `asked` is how many verdicts the judge was asked for, `failures` says why some
        of these are missing, and `tokens` and `calls` what was spent."""
        x = self.candidates.instruction(i)

        async def answer(k: int) -> tuple[str, int, list[str]]:
            reply, error = await answerer.answer(x, *self.candidates.place(i), k)
            if reply is None:
                missing = len(x.constraints) if error else 0
                return _SIGNS[Verdict.UNJUDGED] * missing, missing, [error] * missing
            judgements = await judge_all(judge, x, reply)
            asked = [j for j in judgements if j.verdict is not Verdict.UNJUDGED or j.cause not in EXPECTED]
            causes = [j.cause for j in asked if j.verdict is Verdict.UNJUDGED]
            return "".join(_SIGNS[j.verdict] for j in judgements), len(asked), causes

        with counting() as meter:
            answers = await asyncio.gather(*map(answer, range(self.config.instructor.probes)))
        return {
            **meter.spent(),
            "verdicts": [verdicts for verdicts, *_ in answers if verdicts],
            "asked": sum(asked for _, asked, _ in answers),
            "failures": [cause for *_, causes in answers for cause in causes],
        }

    def _missing(self) -> Iterator[int]:
        return (i for i in self.candidates.passed() if i not in self.journal or self.journal.get(i)["failures"])

    def _tallies(self) -> Iterator[tuple[int, Tally]]:
        for i in self.candidates.passed():
            answers = [[_VERDICTS[sign] for sign in verdicts] for verdicts in self.journal.get(i)["verdicts"]]
            yield i, Tally.of(self._types(i), answers)

    def _types(self, i: int) -> list[str]:
        return [type_of(c) for c in self.candidates.instruction(i).constraints]
