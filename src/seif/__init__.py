"""seif: self-evolving reinforcement learning for instruction following.

    import seif

    config = seif.load_config("nano-tiny", ["turns=1"])
    print(seif.plan(config).turns)
    run = seif.run(config, "runs/tiny")

Whole runs: load_config, plan, estimate, run, load_run, write_report. One stage: generate, train, evaluate,
evaluate_suite. Constraints: judge, verify, compile_constraints, find_conflicts. Each returns typed results.

Where a config is expected, a file's path or the name of a shipped config will do: `seif.plan("nano-tiny")`.
Every function raises `seif.SeifError` for what went wrong, and none prints or exits.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seif.api import (
        Response,
        compile_constraints,
        estimate,
        evaluate,
        evaluate_suite,
        find_conflicts,
        generate,
        judge,
        load_config,
        load_run,
        plan,
        run,
        train,
        verify,
        write_report,
    )
    from seif.config import Config
    from seif.errors import RunError, SeifError, UsageError
    from seif.judges import Judgement
    from seif.listener import Listener
    from seif.planning.machine import Machine
    from seif.suite_run import SuiteOptions
    from seif.types import Constraint, Instruction, Verdict

__version__ = "0.1.0"

__all__ = [
    "Config",
    "Constraint",
    "Instruction",
    "Judgement",
    "Listener",
    "Machine",
    "Response",
    "RunError",
    "SeifError",
    "SuiteOptions",
    "UsageError",
    "Verdict",
    "analyze",
    "compile_constraints",
    "estimate",
    "evaluate",
    "evaluate_suite",
    "find_conflicts",
    "generate",
    "judge",
    "load_config",
    "load_run",
    "plan",
    "run",
    "train",
    "verify",
    "write_report",
]
_ELSEWHERE = {
    "Config": "config",
    "Constraint": "types",
    "Instruction": "types",
    "Judgement": "judges",
    "Listener": "listener",
    "Machine": "planning.machine",
    "RunError": "errors",
    "SeifError": "errors",
    "SuiteOptions": "suite_run",
    "UsageError": "errors",
    "Verdict": "types",
    "analyze": "analysis.run",
}
"""Names that are not in `api`."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562), so that `import seif` stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'seif' has no attribute {name!r}")
    value = getattr(import_module(f"seif.{_ELSEWHERE.get(name, 'api')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
