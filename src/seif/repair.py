"""What is damaged in a run directory: named for people, and set aside where the run can go on without it.

Logs lose the damaged lines. What a later stage reads is never taken with lines missing: outcomes that a later turn
learns from are left for their stage to be made again (`pipeline`).
"""

from __future__ import annotations

from collections.abc import Iterator

from seif.artifacts import Beside, RunDir
from seif.atomic import JsonLines, set_aside
from seif.config import Config
from seif.errors import DamagedFile
from seif.stage_log import STAGES

_READ = 1 << 22
"""Bytes up to which a file's checksum is computed for people; of a larger one, size and time are compared."""


def reads_outcomes(config: Config) -> bool:
    """Whether a turn reads what the Follower's rollouts of earlier turns showed."""
    settings = config.instructor
    later = config.follower.replay or config.follower.hindsight or settings.edits or settings.allocation == "bandit"
    return bool(later)


def damage(run_dir: RunDir) -> list[str]:
    """What can't be read, is gone or is not as it was written: one line each. Evaluations, audits and other results
    that can't be read are for their readers to name."""
    found = []
    try:
        found += run_dir.checksums.all_damage(_READ)
    except DamagedFile as error:
        found.append(str(error))
    for log in _logs(run_dir):
        if (line := log.damage()) is not None:
            found.append(line)
    return [*found, *_missing(run_dir)]


def set_aside_damage(run_dir: RunDir, config: Config) -> list[str]:
    """Set aside, under names such as `metrics.jsonl.damaged-1`, what a resumed run does not need or makes again; one
    line for each, which is also noted as an event. To be called by who holds the run."""
    lines = []
    try:
        run_dir.checksums.check()
    except DamagedFile as error:
        kept = set_aside(run_dir.checksums.path)
        what = str(error).removesuffix("; restore or remove it")
        lines.append(f"{what}; set aside as {kept.name}: finished stages are taken as they are")
    for log in _logs(run_dir):
        if log.path.name == "outcomes.jsonl" and reads_outcomes(config):
            line = _restart(run_dir, log)
        else:
            line = log.set_aside_damage()
            if run_dir.checksums.of([log.path]):
                # What still parses may lack lines all the same; no result is made from it any more.
                if line is None and (wrong := run_dir.checksums.damage([log.path])) is not None:
                    line = f"{wrong}: taken as it is"
                if line is not None:
                    run_dir.checksums.note([log.path])
        if line is not None:
            lines.append(line)
    for line in lines:
        run_dir.event("set_aside", what=line)
    return [*lines, *_missing(run_dir)]


def _restart(run_dir: RunDir, outcomes: JsonLines) -> str | None:
    """Begin an unfinished training again whose outcomes are damaged; a finished one is left to the pipeline."""
    turn = int(outcomes.path.parent.name.removeprefix("turn_"))
    follower = run_dir.follower(turn)
    if follower.exists() or (line := outcomes.damage()) is None:
        return None
    kept = set_aside(outcomes.path)
    checkpoints = Beside(follower).checkpoints
    if checkpoints.exists():
        set_aside(checkpoints)
    what = line.removesuffix("; restore or remove it")
    return f"{what}; set aside as {kept.name}: turn {turn} trains the Follower from the start"


def _logs(run_dir: RunDir) -> Iterator[JsonLines]:
    yield run_dir.events
    yield run_dir.metrics
    for turn in run_dir.turns:
        yield from (run_dir.rollouts(turn, stage) for stage in STAGES if run_dir.rollouts(turn, stage).path.exists())
        if run_dir.outcomes(turn).path.exists():
            yield run_dir.outcomes(turn)


def _missing(run_dir: RunDir) -> Iterator[str]:
    """What the logs lack of stages that are done."""
    ended = {(done.turn, done.stage) for done in run_dir.finished_stages()}
    steps = [(step.turn, step.stage, step.step) for step in run_dir.steps()]
    done = [(turn, stage) for turn in run_dir.turns for stage in STAGES if run_dir.output(turn, stage).exists()]
    if unknown := [place for place in done if place not in ended]:
        yield f"{run_dir.events.path} does not have the end of {_named(unknown)}: how long that took is not known"
    gaps = []
    for turn, stage in done:
        if stage in ("train_instructor", "train_follower"):
            logged = {step for t, s, step in steps if (t, s) == (turn, stage)}
            if not logged or logged != set(range(1, max(logged) + 1)):
                gaps.append((turn, stage))
    if gaps:
        yield f"{run_dir.metrics.path} does not have all steps of {_named(gaps)}"


def _named(places: list[tuple[int, str]]) -> str:
    return ", ".join(f"turn {turn} {stage}" for turn, stage in places)
