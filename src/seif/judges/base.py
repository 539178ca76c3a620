"""What a judge is: one verdict per (answer, constraint), each constraint judged alone; and the registry of judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from seif.config import Config
from seif.engines.base import Engine, NoEngine
from seif.engines.cache import VerdictCache
from seif.errors import UsageError
from seif.registry import Registry
from seif.types import Constraint, Instruction, Verdict


@dataclass(frozen=True)
class Judgement:
    """A verdict, why there is none (`cause`), and the probability of *satisfied* where the judge gives one."""

    verdict: Verdict
    probability: float | None = None
    cause: str = ""
    model: Verdict | None = None
    """What a model said, where one was asked; beside a rule's verdict it shows how reliable the model is."""
    soft_score: float | None = None
    """What counts in the Follower's reward in place of 1 or 0: a classifier's probability, or a verdict that is
    corrected for the judge's error rates, from -1 to 2."""


class Judge(Protocol):
    """Anything that judges."""

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        """One verdict. What can't be judged comes back as UNJUDGED with a cause; nothing is raised for it."""
        ...


class NoOptions(BaseModel):
    """The options of a kind of judge that has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _never_closed(close: Callable[[], None]) -> None:
    pass


@dataclass(frozen=True)
class JudgeContext:
    """What a judge is made from."""

    config: Config
    engine: Engine = field(default_factory=NoEngine)
    """The judging model; one that answers nothing where the kind uses no model."""
    cache: VerdictCache | None = None
    """Where the model's verdicts are kept; None: they are not."""
    reward_model: str | None = None
    """The classifier that this turn judges with; None where no turn trained one."""
    options: BaseModel = field(default_factory=NoOptions)
    """`judger.options`, as the kind's own class."""
    on_close: Callable[[Callable[[], None]], object] = _never_closed
    """Takes what is to be called once the judge is no longer needed."""


@dataclass(frozen=True)
class JudgeKind:
    """One kind of judge: how it is made, and what it needs."""

    make: Callable[[JudgeContext], Judge]
    uses_model: bool = True
    """Whether a language model is loaded for it."""
    options: type[BaseModel] = NoOptions
    """Checks `judger.options`."""


JUDGES: Registry[JudgeKind] = Registry("judge")


def register_judge(
    name: str, *, uses_model: bool = True, options: type[BaseModel] = NoOptions
) -> Callable[[Callable[[JudgeContext], Judge]], Callable[[JudgeContext], Judge]]:
    """Decorator for a function that makes a judge; `judger.kind: name` then asks it.

    Raises UsageError for a name that is taken.
    """

    def add(make: Callable[[JudgeContext], Judge]) -> Callable[[JudgeContext], Judge]:
        JUDGES.add(name, JudgeKind(make, uses_model, options))
        return make

    return add


def judging_kind(config: Config) -> JudgeKind:
    """The kind of judge that the config's Judger asks beside rules.

    Raises UsageError for a name that is not registered.
    """
    return JUDGES.get(config.judging_model)


def options_of(config: Config) -> BaseModel:
    """`judger.options`, checked. Raises UsageError naming the option that is wrong."""
    try:
        return judging_kind(config).options.model_validate(config.judger.options)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["judger.options", *map(str, first["loc"])])
        raise UsageError(f"{key}: {first['msg']}; judge {config.judging_model!r} takes {_known(config)}") from error


def _known(config: Config) -> str:
    return ", ".join(judging_kind(config).options.model_fields) or "no options"
