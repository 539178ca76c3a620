"""kill -9 and SIGTERM at moments of all stages of both systems: every end is that of a run that nothing disturbed.

A command is killed at its first moment, started again, killed at the next, and so on; at the end all of its files are
compared with those of an undisturbed one. So the faults of one `Scenario` share the work, and one that is tried alone
takes as long as all of them.
"""

from __future__ import annotations

import functools
import json
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faults.campaign import TRACEBACK, Crashed, Ended, Fault, Lost, Silent
from faults.forks import forks
from faults.moments import TERM, WORK, Moment
from faults.outcome import differences, outcome
from faults.scenarios import SCENARIOS, Scenario, folder_of
from support import all_gone


def faults() -> Iterator[Fault]:
    """One for each moment."""
    for scenario in SCENARIOS.values():
        for moment in scenario.moments:
            yield Fault(
                f"{scenario.name}, {moment.name}",
                moment.kind,
                "the same command goes on, and every file is as without",
                functools.partial(_attempt, scenario.name, moment),
                quick=False,
            )


def _attempt(scenario: str, moment: Moment, folder: Path) -> None:
    found = chain(scenario)
    for failure in (found.at.get(moment), found.end):
        if failure is not None:
            raise failure


@dataclass(frozen=True)
class Chain:
    """What came of the kills of a scenario."""

    at: dict[Moment, Exception | None]
    """What went wrong at a moment."""
    end: Exception | None
    """What was wrong in the end."""


@functools.cache
def undisturbed(name: str) -> tuple[Path, Ended]:
    """Where a scenario's command wrote when nothing disturbed it, and how it ended."""
    folder, scenario = folder_of(name), SCENARIOS[name]
    if scenario.needs:
        undisturbed(scenario.needs)
    if not scenario.runs:
        folder.mkdir()
    ended = forks().seif(*scenario.command(folder))
    assert ended.code == 0, ended.err
    return folder, ended


@functools.cache
def chain(name: str) -> Chain:
    """Kill the scenario's command at one moment after the other, let it finish, and compare."""
    scenario = SCENARIOS[name]
    whole, printed = undisturbed(name)
    with tempfile.TemporaryDirectory(prefix="seif-killed-") as temporary_folder:
        folder = Path(temporary_folder) / "out"
        if not scenario.runs:
            folder.mkdir()
        at = {moment: _failure_of(scenario, folder, moment, i) for i, moment in enumerate(scenario.moments)}
        ended = forks().seif(*scenario.command(folder))
        return Chain(at, _failure_at_the_end(ended, printed, whole, folder, scenario.cached))


def _failure_of(scenario: Scenario, folder: Path, moment: Moment, number: int) -> Exception | None:
    """Kill it there; what was not as promised. `seif status` and `seif report` read by turns what it leaves."""
    watched = scenario.watched(folder)
    if moment.rank is None:
        ended = forks().seif(*scenario.command(folder), root=watched, moment=moment)
    else:
        ended = forks().seif(*scenario.command(folder), env=moment.environment(watched))
    failure = _failure_of_end(moment, ended)
    if failure is None and "devices=2" in scenario.command(folder) and not all_gone(str(folder), 40):
        failure = Silent("processes of the group are left behind")
    if failure is None and scenario.runs:
        failure = _failure_of_reader("report" if number % 2 else "status", folder)
    return failure


def _failure_of_end(moment: Moment, ended: Ended) -> Exception | None:
    if moment.rank is not None:
        codes, word = (3,), "the same command resumes"
    elif moment.operation == WORK:
        codes, word = (-signal.SIGPROF,), ""
    elif moment.kind == TERM:
        codes, word = (128 + signal.SIGTERM,), "SIGTERM"
    else:
        codes, word = (-signal.SIGKILL,), ""
    if TRACEBACK in ended.err:
        return Crashed(ended.err[-500:])
    if ended.code not in codes:
        # Also where the moment never came: then nothing was tried.
        return Crashed(f"exit code {ended.code}, wanted {codes[0]}: {ended.err[-300:]}")
    if word and not _says(ended, word):
        return Silent(f"the last line has no {word!r}: {ended.err[-500:]}")
    return None


def _says(ended: Ended, word: str) -> bool:
    """Whether it ended with one line about it; there may be others about its progress."""
    lines = ended.err.strip().splitlines()
    return bool(lines) and word in lines[-1] and sum(line.startswith("error: ") for line in lines) == 1


def _failure_of_reader(command: str, folder: Path) -> Exception | None:
    """`seif status` or `seif report` of a run that was cut off there."""
    started = (folder / "config.yaml").exists()
    ended = forks().seif(command, folder, *(["--json"] if command == "status" else []))
    if ended.code != (0 if started else 2) or TRACEBACK in ended.err:
        return Crashed(f"seif {command} ended with {ended.code}: {ended.err[-500:]}")
    if started and command == "status" and json.loads(ended.out)["state"] == "running":
        return Silent("seif status says running of a run that was killed")
    return None


def _failure_at_the_end(ended: Ended, printed: Ended, whole: Path, folder: Path, cached: bool) -> Exception | None:
    if ended.code != 0 or TRACEBACK in ended.err:
        return Crashed(f"the same command ended with {ended.code} in the end: {ended.err[-500:]}")
    if found := differences(outcome(whole, tokens=not cached), outcome(folder, tokens=not cached)):
        return Lost(f"{len(found)} files: {'; '.join(found[:5])}")
    if printed.out.startswith("{"):
        first, last = (_without_seconds(json.loads(text.out)) for text in (printed, ended))
        if first != last:
            return Lost("it prints other numbers")
    return None


def _without_seconds(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_seconds(inner) for key, inner in value.items() if key != "seconds"}
    return value
