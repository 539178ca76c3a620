"""seif: self-evolving reinforcement learning for instruction following.

    import seif

    config = seif.load_config("nano-tiny", ["turns=1"])
    print(seif.plan(config).turns)
    run = seif.run(config, "runs/tiny")

Whole runs: load_config, plan, estimate, run, load_run, write_report. What runs left: compare_runs, write_comparison,
export, open_chat. One stage: generate, train, evaluate, evaluate_suite. Constraints: judge, verify,
compile_constraints, find_conflicts. Each returns typed results.

Where a config is expected, a file's path or the name of a shipped config will do: `seif.plan("nano-tiny")`.
Every function raises `seif.SeifError` for what went wrong, and none prints or exits.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seif.api import (
        compile_constraints,
        estimate,
        evaluate,
        evaluate_suite,
        evaluate_suites,
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
    from seif.comparison.page import write_comparison
    from seif.comparison.runs import compare_runs
    from seif.config import Config
    from seif.conversation import ChatOptions, Conversation, Exchange, open_chat
    from seif.errors import RunError, SeifError, UsageError
    from seif.exporting import Export, Push, export
    from seif.judges import Judgement
    from seif.judging import Response
    from seif.listener import Listener
    from seif.planning.machine import Machine
    from seif.suite_run import SuiteOptions
    from seif.types import Constraint, Instruction, Verdict

try:
    __version__ = version("seif")
except PackageNotFoundError:
    # A checkout that is not installed.
    __version__ = "unknown"

__all__ = [
    "ChatOptions",
    "Config",
    "Constraint",
    "Conversation",
    "Exchange",
    "Export",
    "Instruction",
    "Judgement",
    "Listener",
    "Machine",
    "Push",
    "Response",
    "RunError",
    "SeifError",
    "SuiteOptions",
    "UsageError",
    "Verdict",
    "analyze",
    "compare_runs",
    "compile_constraints",
    "estimate",
    "evaluate",
    "evaluate_suite",
    "evaluate_suites",
    "export",
    "find_conflicts",
    "generate",
    "judge",
    "load_config",
    "load_run",
    "open_chat",
    "plan",
    "run",
    "train",
    "verify",
    "write_comparison",
    "write_report",
]
_ELSEWHERE = {
    "ChatOptions": "conversation",
    "Config": "config",
    "Constraint": "types",
    "Conversation": "conversation",
    "Exchange": "conversation",
    "Export": "exporting",
    "Instruction": "types",
    "Judgement": "judges",
    "Listener": "listener",
    "Machine": "planning.machine",
    "Push": "exporting",
    "Response": "judging",
    "RunError": "errors",
    "SeifError": "errors",
    "SuiteOptions": "suite_run",
    "UsageError": "errors",
    "Verdict": "types",
    "compare_runs": "comparison.runs",
    "export": "exporting",
    "open_chat": "conversation",
    "write_comparison": "comparison.page",
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
