"""[2] Generate: the Instructor writes instructions, the Filter drops contradictory ones, and the frontier gate chooses.

Memory holds what is under way, and about 30 bytes per seed and candidate: whatever is written or decided goes to disk,
item by item.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Self

from seif.allocation import Allocation
from seif.artifacts import Beside
from seif.atomic import write_json
from seif.config import Config
from seif.config.changes import without_changeable
from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import find_conflict
from seif.edits import edited
from seif.engines.base import Engine, Request
from seif.engines.metered import Meter, Metered, counting
from seif.errors import RunError
from seif.evaluation.held_out import Pool
from seif.evaluation.results import GateNumbers, GenerationNumbers, PoolNumbers
from seif.instructions import types_in, write_instructions
from seif.journal import Journal, ask_missing
from seif.models import JudgeWeights, ModelPool, filtering
from seif.quantities import quantity
from seif.roles import instructor
from seif.roles.filter import Filter
from seif.scoring import item_seed, within_limit
from seif.seeds import drawn as draw_places
from seif.stages.gate import Candidates, Gate
from seif.stages.last_turn import LastOutcomes
from seif.training.checkpoints import claim, finish_killed
from seif.types import Instruction, Json, Verdict


@dataclass(frozen=True)
class GenerationRequest:
    """Which models one generation asks, the files it reads, and those it writes."""

    turn: int
    """0: a measurement of the base, which no gate chooses from and which is not asked for types."""
    writer: str
    """The Instructor: a checkpoint directory or hub id."""
    filter_model: str
    answerer: str
    """The Follower that the turn starts from; it answers the gate's probes."""
    judge: JudgeWeights
    """What judges these answers."""
    seeds: Sequence[str]
    out: Path
    """The instructions, in the released schema."""
    stats: Path
    """What was written, in numbers (JSON)."""
    outcomes: tuple[Path, ...] = ()
    """Files of the turns before, oldest first, as `RunDir.outcomes` names them."""


def generate(config: Config, request: GenerationRequest) -> None:
    """The Instructor writes constraints for the turn's seeds; what can't be parsed or the Filter rejects is drawn again
    or dropped, and where the config wants probes, the gate chooses one of a seed's candidates.

    Writes the numbers and then the instructions. The same call after a kill asks for the rest alone. Raises UsageError
    when what lies beside the output belongs to another generation, and RunError when no seed gets an instruction or too
    many decisions of the Filter or verdicts on probes are missing.
    """
    out = request.out
    folder = Beside(out).parts
    claim(folder, _identity(config, request), config.dtype)
    if finish_killed(folder, out):
        return
    with ModelPool(config, out) as models, _Generation(config, request, folder) as generation:
        asyncio.run(generation.run(models))
        raw, pool = generation.raw.numbers(), generation.pool()
        parsable, drawn = raw.instructions, generation.drawn
        if not pool.instructions:
            shutil.rmtree(folder)
            raise RunError(_collapse(len(generation.places), parsable, drawn, generation.gate))
        found: dict[str, object] = {**generation.meter.spent()}
        if generation.gate:
            found["gate"] = generation.gate
        numbers = GenerationNumbers.of(pool, raw.conflict_share, drawn, parsable / drawn)
        write_json(request.stats, numbers.model_copy(update=found).to_json())
        write_instructions(out, generation)
    shutil.rmtree(folder)


def _identity(config: Config, request: GenerationRequest) -> list[object]:
    """What two equal generations have in common, as JSON values."""
    digest = hashlib.blake2b(digest_size=16)
    for seed in request.seeds:
        digest.update(f"{seed}\0".encode(errors="surrogatepass"))
    keys = {"seed", "prompts", "chat", "instructor", "filter", "plugins", "held_out_types"}
    chosen: list[object] = []
    if _gated(config, request.turn):
        keys |= {"judger", "follower", "self_supervised"}
        judge = request.judge
        chosen = [request.answerer, judge.model, judge.reward_model, judge.audit]
    if _gated(config, request.turn) or config.instructor.allocation == "bandit":
        chosen += map(str, request.outcomes)
    settings = without_changeable(config, keys)
    return [
        request.turn,
        request.writer,
        request.filter_model,
        len(request.seeds),
        digest.hexdigest(),
        config.evaluation.showcase,
        settings,
        *chosen,
    ]


def _gated(config: Config, turn: int) -> bool:
    return turn > 0 and config.instructor.probes > 0


def _collapse(seeds: int, parsable: int, drawn: int, gate: GateNumbers | None) -> str:
    """Why no seed got an instruction."""
    found = f"none of {quantity(seeds, 'seed')} got a usable instruction"
    if gate and gate.candidates:
        return (
            f"{found}: of {quantity(gate.candidates, 'candidate')}, {gate.dropped_always} were always satisfied, "
            f"{gate.dropped_never} never, {gate.dropped_unjudged} could not be judged, and {gate.over_quota} were over "
            "instructor.type_quota; set more instructor.candidates or instructor.probes in a new --run-dir"
        )
    return (
        f"{found} ({parsable:,} of {quantity(drawn, 'reply', 'replies')} could be parsed); the Instructor has collapsed"
    )


class _Generation:
    """The candidates that are written for the turn's seeds, attempt after attempt; iterating gives the instructions
    that stay, in the order of the seeds.

    A candidate has a number: those of the first seed come first. The last one of a seed is the edited instruction of
    the turn before, where there are edits.
    """

    def __init__(self, config: Config, request: GenerationRequest, folder: Path) -> None:
        settings, turn = config.instructor, request.turn
        self.config, self.request, self.folder = config, request, folder
        self.seeds = request.seeds
        shown = config.evaluation.showcase
        self.places = draw_places(len(request.seeds), settings.seeds_per_turn, config.seed, turn, always=shown)
        """The turn's seeds, by their places among all; those that the report shows are in every turn."""
        self.raw = Pool()
        """Everything that could be parsed."""
        self.drawn = 0
        self.meter = Meter()
        self.gate: GateNumbers | None = None
        self._gated = _gated(config, turn)
        self._open_files = ExitStack()
        self._last = self._outcomes()
        self._fresh = settings.candidates if self._gated else 1
        """Candidates of a seed that are written anew."""
        self._width = self._fresh + (self._last is not None)
        self._allocation = Allocation.after(config, turn, request.outcomes)
        self._held_out_types = types_in(config.held_out_types)
        self._edits = settings.attempts
        """Edited candidates are kept as those of an attempt after the last one."""
        self._written: dict[int, Journal] = {}
        """By attempt, of each candidate the constraints' `texts`, none where the reply could not be parsed, and
        what was spent."""
        items = len(self.places) * self._width
        self._accepted = bytearray(items)
        """By candidate, the attempt, from 1, whose instruction was accepted; 0 for none."""
        self._contradictory = bytearray(items)
        """By candidate, whether rules prove the accepted instruction contradictory."""
        self._chosen = self._accepted
        """By candidate, whether it stays; without a gate, all that are accepted do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open_files.close()

    def __iter__(self) -> Iterator[Instruction]:
        return (self._accepted_instruction(i) for i, chosen in enumerate(self._chosen) if chosen)

    async def run(self, models: ModelPool) -> None:
        """Write and filter until every candidate is accepted or the attempts are used up; then edit, and choose. Raises
        RunError when too many of the Filter's decisions, or of the verdicts on probes, are missing."""
        asked, unread = 0, Counter[str]()
        for attempt in (*range(self.config.instructor.attempts), self._edits):
            if not any(True for _ in self._open(attempt)):
                continue
            if attempt == self._edits:
                self._edit()
            else:
                await self._write(models, attempt)
            if self.config.filter.generation:
                with self._journal("checked", attempt) as checked:
                    unread += await self._check(models, attempt, checked)
                    asked += self._settle(attempt, checked)
            else:
                asked += self._settle(attempt)
        within_limit(unread, asked, self.config.judger.max_unjudged)
        if self._gated:
            await self._choose(models)

    def pool(self) -> PoolNumbers:
        """What the instructions that stay are made of."""
        pool = Pool()
        for x, contradictory in zip(self, compress(self._contradictory, self._chosen), strict=True):
            pool.add(x, bool(contradictory))
        return pool.numbers()

    async def _write(self, models: ModelPool, attempt: int) -> None:
        settings, seed, turn = self.config.instructor, self.config.seed, self.request.turn
        journal = self._written[attempt] = self._open_files.enter_context(self._journal("written", attempt))

        async def write(engine: Engine, i: int) -> Json | None:
            index, candidate = self._place(i)
            ask = self._allocation.ask(index, candidate, attempt)
            request = Request(
                instructor.messages(self.config.prompts, ask.template, self.seeds[index], ask.types),
                settings.grpo.max_new_tokens,
                settings.generation_temperature,
                # The first candidate's seed is that of a generation with one candidate.
                item_seed("generate", seed, turn, index, attempt, *([candidate] if candidate else [])),
            )
            with counting() as meter:
                completion = await Metered(engine, "instructor").complete(request)
            if completion.error:
                return None
            finished = completion.finish_reason == "stop"
            constraints = instructor.parse(completion.text, finished, ask.template.constraints)
            return {"texts": [c.text for c in constraints or ()], **meter.spent()}

        if any(i not in journal for i in self._open(attempt)):
            with models.use(self.request.writer) as engine:
                await ask_missing(journal, partial(write, engine), self._open(attempt), what="instructions")
        self._count(journal)

    def _edit(self) -> None:
        """Make the edited candidates of the drawn seeds, from what was written for them now and in the turn before."""
        assert self._last is not None
        journal = self._written[self._edits] = self._open_files.enter_context(self._journal("written", self._edits))
        for i in self._open(self._edits):
            index, _ = self._place(i)
            rng = random.Random(f"edit/{self.config.seed}/{self.request.turn}/{index}")
            if i in journal or rng.random() >= self.config.instructor.edits:
                continue
            outcome = self._last.get(self.seeds[index])
            if outcome is not None:
                siblings = filter(self._accepted.__getitem__, range(i - self._fresh, i))
                fresh = [c for sibling in siblings for c in self._accepted_instruction(sibling).constraints]
                journal.add([(i, {"texts": [c.text for c in edited(outcome, fresh, rng)], **Meter().spent()})])

    async def _check(self, models: ModelPool, attempt: int, checked: Journal) -> Counter[str]:
        """Let the Filter decide on what was written; why decisions are missing, with counts."""
        unread = Counter[str]()

        async def check(checking: Filter, i: int) -> Json | None:
            with counting() as meter:
                decision = await checking.check(self._instruction(i, attempt))
            if decision.verdict is Verdict.UNJUDGED:
                unread[decision.reason] += 1
                # A resume asks again, and counts them then.
                self.meter.include(meter.spent())
                return None
            return {"passed": decision.verdict is Verdict.SATISFIED, **meter.spent()}

        if any(i not in checked for i in self._candidates(attempt)):
            # The journal has every decision, and a cache would hold them all in memory.
            with filtering(models, self.request.filter_model, cached=False) as checking:
                await ask_missing(
                    checked, partial(check, checking), self._candidates(attempt), what="decisions of the Filter"
                )
        self._count(checked)
        return unread

    def _count(self, finished: Journal) -> None:
        """Count what a journal's items took, also those that were asked for before a kill."""
        for entry in finished.values():
            self.meter.include(entry)

    def _settle(self, attempt: int, checked: Journal | None = None) -> int:
        """Count what was written, and accept the candidates that were `checked`, by default all; how many candidates
        there were."""
        candidates, written = 0, attempt != self._edits
        for i in self._open(attempt):
            self.drawn += written
            if not self._texts(i, attempt):
                continue
            x = self._instruction(i, attempt)
            candidate = self._valid(x)
            accepted = candidate and (checked is None or _passed(checked, i))
            # What the Filter's rules have let pass, they need not look at again.
            looked_at = accepted and checked is not None and self.config.filter.rules
            contradictory = not looked_at and find_conflict(x.constraints) is not None
            if written:
                self.raw.add(x, contradictory)
            candidates += candidate
            if accepted:
                self._accepted[i], self._contradictory[i] = attempt + 1, contradictory
        return candidates

    async def _choose(self, models: ModelPool) -> None:
        """Probe the accepted candidates, and keep at most one of each seed."""
        found = Candidates(
            width=self._width,
            passed=lambda: (i for i, attempt in enumerate(self._accepted) if attempt),
            instruction=self._accepted_instruction,
            place=self._place,
        )
        with Journal(self.folder / "probed.jsonl", len(self._accepted)) as journal:
            gate = Gate(self.config, self.request.turn, found, journal)
            await gate.probe(models, self.request.answerer, self.request.judge)
            self.meter.include(gate.spent())
            self._chosen, self.gate = gate.choose(lambda i: self._accepted[i] == self._edits + 1)

    def _outcomes(self) -> LastOutcomes | None:
        """Of the turn before; None where nothing is edited."""
        last = self.request.outcomes[-1] if self.request.outcomes else None
        if not self._gated or not self.config.instructor.edits or last is None:
            return None
        return self._open_files.enter_context(LastOutcomes(last))

    def _open(self, attempt: int) -> Iterator[int]:
        """The candidates of an attempt that are not accepted yet."""
        edits = attempt == self._edits
        return (
            i for i, accepted in enumerate(self._accepted) if not accepted and (i % self._width >= self._fresh) == edits
        )

    def _candidates(self, attempt: int) -> Iterator[int]:
        return (
            i for i in self._open(attempt) if self._texts(i, attempt) and self._valid(self._instruction(i, attempt))
        )

    def _valid(self, instruction: Instruction) -> bool:
        known_types = self.config.instructor.known_types
        return instructor.invalid(instruction.constraints, known_types, self._held_out_types) is None

    def _place(self, i: int) -> tuple[int, int]:
        """The place of a candidate's seed among all seeds, and which of the seed's candidates it is."""
        seed, candidate = divmod(i, self._width)
        return self.places[seed], candidate

    def _texts(self, i: int, attempt: int) -> list[str]:
        entry = self._written[attempt].get(i)
        return entry["texts"] if entry else []

    def _instruction(self, i: int, attempt: int) -> Instruction:
        return Instruction(self.seeds[self._place(i)[0]], tuple(map(compile_text, self._texts(i, attempt))))

    def _accepted_instruction(self, i: int) -> Instruction:
        return self._instruction(i, self._accepted[i] - 1)

    def _journal(self, what: str, attempt: int) -> Journal:
        return Journal(self.folder / f"{what}_{attempt + 1}.jsonl", len(self._accepted))


def _passed(checked: Journal, item: int) -> bool:
    decision = checked.get(item)
    return decision is not None and decision["passed"]
