"""One specification per type of constraint, and the registry of all types.

    def has_sentences(response: str, count: int) -> bool:
        return count_sentences(response) == count

    register(
        ConstraintType(
            id="count:exact_sentences",
            category="Structure",
            definition="an exact number of sentences",
            example="Use exactly 3 sentences.",
            check=has_sentences,
            wordings=(Wording((rf"use exactly (?P<n>{NUMBER}) sentences?",), counted("count")),),
        )
    )

The built-in types in `types/` and a user's own, in a plugin, are written in the same way.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from seif.constraints.parameters import Parameter, parameters_of
from seif.constraints.wordings import Wording, expression
from seif.errors import UsageError
from seif.registry import Registry
from seif.types import Kwargs
from seif.user_code import called

if TYPE_CHECKING:
    from seif.constraints.demands import Demands

_ID = re.compile(r"[a-z][a-z0-9_]*:[a-z][a-z0-9_-]*")
_SOFT_GROUP = "soft:"


@dataclass(frozen=True)
class ConstraintType:
    """One kind of requirement: how prompts describe it, a rule checks it, and its constraints are recognised."""

    id: str
    """`group:name`. A rule checks all groups but `soft:`, which a model judges."""
    category: str
    definition: str
    example: str
    check: Callable[..., bool] | None = None
    """Does a response, the first argument, satisfy the constraint? The other parameters are the constraint's kwargs."""
    wordings: tuple[Wording, ...] = ()
    """The sentences that state such a constraint, from which the compiler reads the kwargs."""
    demands: Callable[..., list[Demands]] | None = None
    """What a response must have, for conflicts and witnesses, by the kwargs' names; several entries are a choice."""
    problem: Callable[..., str | None] | None = None
    """What is wrong with the kwargs, given by name, together ("paragraph 3 of 2 can't be"); None where nothing is."""
    cues: str = ""
    """Soft types: a pattern that matches texts of this type."""
    asked: bool = True
    """Do the Instructor's prompts name the type?"""
    benchmark: str = ""
    """The benchmark whose type it is, where nothing may train on it: `instructor.types` refuses it."""

    @property
    def hard(self) -> bool:
        """Does a rule check it?"""
        return self.check is not None

    @property
    def name(self) -> str:
        """The id in plain words, without its group."""
        return self.id.partition(":")[2].replace("_", " ")

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The kwargs by name. Raises UsageError for a parameter of the check whose annotation is no kind of value."""
        return parameters_of(self.check) if self.check else {}

    def arguments(self, kwargs: Mapping[str, object]) -> Kwargs:
        """The kwargs as the check takes them: nulls dropped, 3.0 made 3. Raises UsageError saying what is wrong."""
        if not isinstance(kwargs, Mapping):
            raise UsageError(f"{self.id}: kwargs must be a mapping, got {type(kwargs).__name__}")
        given = {name: value for name, value in kwargs.items() if value is not None}
        if set(given) != set(self.parameters):
            raise UsageError(f"{self.id} takes {sorted(self.parameters) or 'no arguments'}, got {sorted(given)}")
        try:
            arguments = {name: self.parameters[name].convert(value) for name, value in given.items()}
        except UsageError as error:
            raise UsageError(f"{self.id}: {error}") from error
        with called(f"a rule of {self.id}", plugin_of(self.id)):
            problems = [self.parameters[name].problem(value) for name, value in arguments.items()]
        problem = next(filter(None, problems), None)
        if self.problem and not problem:
            with called(f"the `problem` of {self.id}", plugin_of(self.id)):
                problem = self.problem(**arguments)
        if problem:
            raise UsageError(f"{self.id}: {problem}")
        return arguments


TYPES: Registry[ConstraintType] = Registry("constraint type")
"""Every type, in the order in which prompts, the compiler and the guess of a soft type go through them."""


def plugin_of(instruction_id: str) -> str | None:
    """The plugin that registered a type, which is where its functions are; None for a built-in one."""
    return TYPES.plugin_of(instruction_id)


def register(kind: ConstraintType) -> ConstraintType:
    """Add a type. Raises UsageError for an id that is taken or isn't `group:name`, and for a part that can't work."""
    if not isinstance(kind, ConstraintType) or not isinstance(kind.id, str):
        raise UsageError(f"register takes a ConstraintType, got {kind!r}")
    if not _ID.fullmatch(kind.id):
        raise UsageError(f"{kind.id!r} is no type id: write group:name in lower case")
    if kind.benchmark and (kind.asked or kind.wordings):
        raise UsageError(f"{kind.id}: a benchmark's type has no wordings, and asked=False")
    if kind.id.startswith(_SOFT_GROUP) and (kind.check or kind.wordings or kind.demands):
        raise UsageError(f"{kind.id}: a model judges the types under soft:, which have cues only; choose another group")
    if not kind.id.startswith(_SOFT_GROUP) and kind.check is None:
        raise UsageError(f"{kind.id} has no check; the id of a type that a model judges starts with soft:")
    try:
        _ = kind.parameters, expression(kind.cues), [wording.expressions for wording in kind.wordings]
    except UsageError as error:
        raise UsageError(f"{kind.id}: {error}") from error
    for name, function in (("demands", kind.demands), ("problem", kind.problem)):
        if function is not None and not _takes(function, kind.parameters):
            raise UsageError(f"{kind.id}: {name} must take the kwargs by name: {', '.join(kind.parameters) or 'none'}")
    return TYPES.add(kind.id, kind)


def _takes(function: Callable[..., object], names: Iterable[str]) -> bool:
    try:
        inspect.signature(function).bind(**dict.fromkeys(names))
    except TypeError:
        return False
    return True
