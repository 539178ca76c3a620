"""The Filter: are an instruction's constraints jointly satisfiable?"""

from __future__ import annotations

from dataclasses import dataclass

from seif.constraints.conflicts import find_conflict
from seif.engines.base import Engine, Request
from seif.engines.cache import VerdictCache
from seif.judges.asking import ask
from seif.judges.generative import last_marker
from seif.judges.logprob import yes_no
from seif.roles.quoting import sanitize
from seif.roles.templates import render
from seif.types import Instruction, Verdict


@dataclass(frozen=True)
class Decision:
    """SATISFIED lets the instruction pass; `reason` says why not. UNJUDGED: the Filter gave no readable answer."""

    verdict: Verdict
    reason: str = ""


class Filter:
    """Rules first, because they are certain and fast; then the model, unless either is switched off."""

    def __init__(
        self,
        engine: Engine,
        style: str,
        rules: bool,
        model: bool,
        max_new_tokens: int,
        cache: VerdictCache | None = None,
    ) -> None:
        self.engine, self.style, self.rules, self.model, self.max_new_tokens, self.cache = (
            engine,
            style,
            rules,
            model,
            max_new_tokens,
            cache,
        )

    async def check(self, instruction: Instruction) -> Decision:
        """Decide about one instruction."""
        conflict = find_conflict(instruction.constraints) if self.rules else None
        if conflict:
            return Decision(Verdict.VIOLATED, conflict)
        if not self.model:
            return Decision(Verdict.SATISFIED)
        prompt = render(
            self.style,
            "filter",
            seed=sanitize(instruction.seed),
            constraints=[sanitize(c.text) for c in instruction.constraints],
        )
        if self.style == "compact":
            judgement = await ask(self.engine, Request(prompt, max_tokens=1, top_logprobs=8), yes_no, self.cache)
        else:
            judgement = await ask(self.engine, Request(prompt, max_tokens=self.max_new_tokens), last_marker, self.cache)
        return Decision(
            judgement.verdict,
            "" if judgement.verdict is Verdict.SATISFIED else judgement.cause or "the Filter rejects it",
        )
