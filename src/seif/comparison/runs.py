"""Several runs read into one comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from seif.artifacts import RunDir
from seif.comparison.differences import Difference, audited, by_type, whole
from seif.config import Config
from seif.config.changes import differing_keys
from seif.engines.metered import add_up
from seif.errors import UsageError
from seif.evaluation.audit import Audit
from seif.evaluation.results import Accuracy, Evaluation
from seif.manifest import Manifest
from seif.results import Reading, Run, read_run
from seif.selection import LAST, check_turn, evaluated_turn
from seif.spending import calls_by_turn, tokens_by_turn
from seif.stage_log import STAGES

ABSENT = "–"
"""Stands for a key that a config does not have."""
GREEDY, SAMPLED, NEW_TYPES, AUDIT = "held-out, greedy", "held-out, sampled", "new types, greedy", "audit"


@dataclass(frozen=True)
class StageCost:
    """What one kind of stage took in a run, over all turns and sittings."""

    stage: str
    """One of `seif.artifacts.STAGES`."""
    times: int
    seconds: float
    """Wall clock."""
    cpu_seconds: float | None
    """Of the processes that ran it; None where an older version did."""
    peak_bytes: int | None
    """The highest peak of the process; None as above."""


@dataclass(frozen=True)
class ComparedRun:
    """One run as far as it is."""

    label: str
    """A, B, ...: stands for the run where its name is too long."""
    name: str
    run: Run
    config: Config
    manifest: Manifest
    turn: int | None
    """The turn that is compared; None where it is not evaluated (yet)."""
    costs: tuple[StageCost, ...]
    tokens: Mapping[str, int]
    """By role, read and written in generation and training."""
    calls: Mapping[str, int]
    """By role, in generation and training; none in runs of earlier versions."""

    @property
    def evaluation(self) -> Evaluation | None:
        """That of the compared turn."""
        return self.evaluation_of(self.turn)

    def evaluation_of(self, turn: int | None) -> Evaluation | None:
        """That of a turn; None where it is not evaluated (yet)."""
        return next((e for e in self.run.evaluations if e.turn == turn), None)

    def audit_of(self, turn: int | None) -> Audit | None:
        """The audit of a turn; None where there is none."""
        return next((a for a in self.run.audits if a.turn == turn), None)


@dataclass(frozen=True)
class RunDifference:
    """The compared turn of one run minus that of the first."""

    label: str
    whole: Mapping[str, Difference]
    """Accuracies over all constraints, by what they were measured on."""
    per_type: Mapping[str, Difference]
    """Greedy held-out accuracy by constraint type."""


@dataclass(frozen=True)
class Setting:
    """A key of the config, a file or a package that is not the same in all runs."""

    key: str
    values: tuple[object, ...]
    """One per run; `ABSENT` where a run has none."""


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other; the first is the one that the others are compared with."""

    runs: tuple[ComparedRun, ...]
    turn: str
    """As it was asked for: `best`, `last` or a number."""
    differences: tuple[RunDifference, ...]
    """Of each run but the first."""
    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = field(default=())
    """What limits the comparison, one line each."""

    def to_json(self) -> dict[str, Any]:
        """Everything in plain JSON values."""
        runs = [
            {
                "label": r.label,
                "name": r.name,
                "path": str(r.run.path),
                "turn": r.turn,
                **r.run.to_json(),
                "costs": [asdict(cost) for cost in r.costs],
                "tokens": dict(r.tokens),
                "calls": dict(r.calls),
            }
            for r in self.runs
        ]
        settings = {setting.key: list(setting.values) for setting in self.settings}
        differences = [asdict(difference) for difference in self.differences]
        return {
            "turn": self.turn,
            "runs": runs,
            "differences": differences,
            "settings": settings,
            "notes": list(self.notes),
        }


def compare_runs(paths: Sequence[str | Path], turn: str = LAST) -> Comparison:
    """Read run directories and compare the turn that `turn` names (`last`, `best` or a number) with the first run's.

    Raises UsageError for fewer than two runs, one that is given twice, a directory that is no run, and `best` of a run
    without an audit.
    """
    check_turn(turn)
    folders = [Path(path) for path in paths]
    if len(folders) < 2:
        raise UsageError("a comparison needs two runs or more")
    names = distinct_names(folders)
    runs = tuple(
        _read(label(i), name, folder, turn) for i, (name, folder) in enumerate(zip(names, folders, strict=True))
    )
    first, *others = runs
    return Comparison(
        runs, turn, tuple(_difference(run, first) for run in others), tuple(_settings(runs)), tuple(_notes(runs, turn))
    )


def label(place: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    letters = ""
    while place >= 0:
        place, rest = divmod(place, len(ascii_uppercase))
        letters, place = ascii_uppercase[rest] + letters, place - 1
    return letters


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """A short name for each folder: its own, or where those do not tell the folders apart, with folders above it.

    Raises UsageError for a folder that is given twice.
    """
    parts = [folder.resolve().parts for folder in folders]
    twice = next((folder for folder, own in zip(folders, parts, strict=True) if parts.count(own) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} is given twice; name different runs")
    while len({own[-1] for own in parts}) == 1:
        parts = [own[:-1] for own in parts]
    depth = 1
    while len({own[-depth:] for own in parts}) < len(parts):
        depth += 1
    return ["/".join(own[-depth:]).replace("//", "/") for own in parts]


def same_file(a: ComparedRun, b: ComparedRun, file: str) -> bool:
    """Whether both runs read the same `held_out`, `held_out_types` or `audit` tasks."""
    digest = _digest(a, file)
    return digest is not None and digest == _digest(b, file)


def _digest(run: ComparedRun, file: str) -> str | None:
    return run.manifest.files.get(file)


def _read(letter: str, name: str, folder: Path, turn: str) -> ComparedRun:
    root, reading = RunDir(folder), Reading()
    run, config = read_run(root), root.config()
    manifest = reading.of(root.manifest) or Manifest()
    costs = tuple(reading.of(partial(_costs, root)) or [])
    tokens, calls = (add_up(reading.of(partial(count, root)) or []) for count in (tokens_by_turn, calls_by_turn))
    return ComparedRun(letter, name, run, config, manifest, evaluated_turn(run, turn), costs, tokens, calls)


def _costs(root: RunDir) -> list[StageCost]:
    done = [event for event in root.events.read() if event["event"] == "stage_finished"]
    costs = []
    for stage in STAGES:
        events = [event for event in done if event["stage"] == stage]
        cpu = [event["cpu_seconds"] for event in events if "cpu_seconds" in event]
        peaks = [event["peak_bytes"] for event in events if "peak_bytes" in event]
        if events:
            seconds = sum(event["seconds"] for event in events)
            whole_cpu = sum(cpu) if len(cpu) == len(events) else None
            costs.append(StageCost(stage, len(events), seconds, whole_cpu, max(peaks, default=None)))
    return costs


def _difference(ours: ComparedRun, first: ComparedRun) -> RunDifference:
    a, b = ours.evaluation, first.evaluation
    if a is None or b is None:
        return RunDifference(ours.label, {}, {})
    same, same_types = same_file(ours, first, "held_out"), same_file(ours, first, "held_out_types")
    nothing = Accuracy()
    found = {
        GREEDY: whole(a.greedy, b.greedy, same),
        SAMPLED: whole(a.held_out.get("sampled", nothing), b.held_out.get("sampled", nothing), same),
        NEW_TYPES: whole(a.held_out_types.get("greedy", nothing), b.held_out_types.get("greedy", nothing), same_types),
        AUDIT: audited(ours.audit_of(ours.turn), first.audit_of(first.turn), same_file(ours, first, "audit")),
    }
    known = {name: difference for name, difference in found.items() if difference is not None}
    return RunDifference(ours.label, known, by_type(a.greedy, b.greedy, same))


def _settings(runs: Sequence[ComparedRun]) -> list[Setting]:
    """Keys of the configs, then seif's version, packages, files and the type that was computed in."""
    first = runs[0]
    keys = sorted({key for run in runs[1:] for key in differing_keys(first.config, run.config)})
    trees = [run.config.model_dump(mode="json") for run in runs]
    found = [Setting(key, tuple(_value(tree, key) for tree in trees)) for key in keys]
    recorded = [
        {
            "seif": run.manifest.seif,
            "computed in": run.manifest.dtype,
            **run.manifest.versions,
            **{f"{name} (SHA-256)": digest[:12] for name, digest in run.manifest.files.items() if digest},
        }
        for run in runs
    ]
    for key in dict.fromkeys(key for record in recorded for key in record):
        values = tuple(record.get(key) or ABSENT for record in recorded)
        if len(set(values)) > 1:
            found.append(Setting(key, values))
    return found


def _value(tree: object, key: str) -> object:
    """What stands at a dotted key; a section that another run leaves empty is None there."""
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return ABSENT
        tree = tree[part]
    return tree if not isinstance(tree, dict) else "(set)"


def _notes(runs: Sequence[ComparedRun], turn: str) -> list[str]:
    first = runs[0]
    notes = []
    for run in runs:
        if run.turn is None:
            which = "no turn" if turn == LAST else f"turn {turn}" if turn.isdigit() else "the best turn"
            notes.append(f"{run.label}: {which} is {'' if turn == LAST else 'not '}evaluated yet")
        elif run.run.state != "finished":
            of = f"turn {run.turn} of {run.config.turns}"
            notes.append(f"{run.label} is {run.run.state}: compared as far as it is, {of}")
    notes += [f"{run.label}: {line}" for run in runs for line in run.run.damaged]
    for run in runs[1:]:
        if _digest(run, "held_out") != _digest(first, "held_out"):
            notes.append(f"{run.label} has other held-out tasks than {first.label}, so differences say little")
        elif _sizes_differ(run.evaluation, first.evaluation):
            notes.append(f"{run.label} was measured on another number of held-out tasks than {first.label}")
    return notes


def _sizes_differ(a: Evaluation | None, b: Evaluation | None) -> bool:
    return a is not None and b is not None and a.greedy.n != b.greedy.n
