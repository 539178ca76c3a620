"""How a language model is asked for a verdict, and the cache of known verdicts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from seif.engines.base import Completion, Engine, Messages, Request
from seif.engines.cache import VerdictCache
from seif.judges.base import Judgement
from seif.roles.quoting import mark_of, sanitize, without_pleas
from seif.roles.templates import render
from seif.types import Constraint, Instruction, Verdict


async def ask(
    engine: Engine, request: Request, read: Callable[[Completion], Judgement], cache: VerdictCache | None
) -> Judgement:
    """A model's verdict as `read` finds it, out of `cache` where that holds it.

    What could not be judged is not kept.
    """
    known = cache.find(request) if cache else None
    if known:
        return Judgement(*known, model=known[0])
    judgement = read(await engine.complete(request))
    if cache and judgement.verdict is not Verdict.UNJUDGED:
        cache.keep(request, judgement.verdict, judgement.probability)
    return judgement


async def unmoved(asked: Callable[[str], Awaitable[Judgement]], response: str) -> Judgement:
    """The verdict of `asked` on a response, which gains nothing by what it says to its judge.

    A response with such sentences (`without_pleas`) is satisfied only where it also is without them, which takes a
    second question; one that has nothing else satisfies nothing. Any other response is asked about once.
    """
    first = await asked(response)
    rest = without_pleas(response)
    if rest == response or first.verdict is not Verdict.SATISFIED:
        return first
    second = await asked(rest) if rest.strip() else Judgement(Verdict.VIOLATED, model=Verdict.VIOLATED)
    return first if second.verdict is Verdict.SATISFIED else second


def question(style: str, name: str, instruction: Instruction, response: str, constraint: Constraint) -> Messages:
    """What a judge is asked. Text of a model is sanitized, so that it can't be read as part of the question itself."""
    shown = sanitize(response)
    return render(
        style,
        name,
        seed=sanitize(instruction.seed),
        instruction=sanitize(instruction.prompt),
        mark=mark_of(shown),
        response=shown,
        constraint=sanitize(constraint.text),
    )
