"""The numbers of a run, read from its directory: whatever is there, so that a partial run has a report too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from seif.analysis.pools import PoolShape, read_pools
from seif.artifacts import EarlyStop, RunDir
from seif.config import Config
from seif.config.changes import Change
from seif.errors import UsageError
from seif.evaluation.audit import Audit
from seif.evaluation.results import Evaluation, RewardModelNumbers
from seif.evaluation.showcase import ShownSeed, read_showcase
from seif.manifest import Manifest
from seif.report.text import number
from seif.results import Reading, read_run
from seif.spending import calls_by_turn, tokens_by_turn
from seif.stage_log import STAGES, LoggedStep
from seif.tables import count_rows

Points = list[tuple[int, float | None]]
"""(step from 1, value) of one stage."""


@dataclass(frozen=True)
class Turn:
    """What one turn left behind; turn 0 is the base."""

    number: int
    evaluation: Evaluation | None
    """None as long as the turn is not evaluated."""
    showcase: list[ShownSeed]
    reward_model: RewardModelNumbers | None = None
    """How good the turn's classifier is; None where none was trained."""
    audit: Audit | None = None
    """None without one."""

    @property
    def label(self) -> str:
        """The turn as an axis label or a column's head."""
        return str(self.number) if self.number else "base"


@dataclass(frozen=True)
class RunNumbers:
    """Everything that the page is made of."""

    name: str
    state: str
    seconds: float
    config: Config
    config_text: str
    manifest: Manifest
    seeds: int | None
    """None when the seed file is no longer there."""
    turns: list[Turn]
    """Turns with an evaluation, an audit, a showcase or a reward model, the base first."""
    steps: list[LoggedStep]
    """Of all training stages."""
    stage_seconds: dict[tuple[int, str], float]
    tokens: list[dict[str, int]]
    """Of each turn from 1, what each role read and wrote in generation and training."""
    calls: list[dict[str, int]]
    """The same in calls; empty turns in runs of earlier versions."""
    pools: tuple[PoolShape, ...] = ()
    """What the instructions of each turn are made of, the base's first; empty where a file of them can't be read."""
    best: int | None = None
    """The turn with the highest audit accuracy; None without an audit."""
    stopped_early: EarlyStop | None = None
    config_changes: Sequence[Change] = ()
    """What was changed in the config when the run was resumed, in order."""
    damaged: tuple[str, ...] = ()
    """What of the directory can't be read, is gone or is not as it was written, one line each."""

    @property
    def evaluated(self) -> list[Turn]:
        """The turns that have an evaluation, the base first."""
        return [t for t in self.turns if t.evaluation is not None]

    def curve(self, stage: str, key: str) -> list[tuple[int, Points]]:
        """One logged number of a stage: for each turn the (step, value) pairs; turns without it are left out."""
        curves = []
        logged = [s for s in self.steps if s.stage == stage]
        for turn in sorted({s.turn for s in logged}):
            points: Points = [(s.step, number(s.metrics.get(key))) for s in logged if s.turn == turn]
            if any(value is not None for _, value in points):
                curves.append((turn, points))
        return curves


def collect(run_dir: RunDir) -> RunNumbers:
    """Read a run directory. Raises UsageError when it is none."""
    config = run_dir.config()
    found, reading = read_run(run_dir), Reading()
    evaluations, audits = {e.turn: e for e in found.evaluations}, {a.turn: a for a in found.audits}
    turns = []
    for turn in range(config.turns + 1):
        shown, classifier = run_dir.showcase(turn), run_dir.reward_model_numbers(turn)
        if turn in evaluations or turn in audits or shown.exists() or classifier.exists():
            reward_model = reading.json(classifier, RewardModelNumbers.from_json)
            seeds = reading.of(partial(read_showcase, shown)) or []
            turns.append(Turn(turn, evaluations.get(turn), seeds, reward_model, audits.get(turn)))
    seconds: dict[tuple[int, str], float] = {}
    for done in reading.of(run_dir.finished_stages) or []:
        if done.stage in STAGES:
            seconds[done.turn, done.stage] = seconds.get((done.turn, done.stage), 0.0) + done.seconds
    manifest = reading.of(run_dir.manifest) or Manifest()
    steps = reading.of(run_dir.steps) or []
    tokens, calls = (reading.of(partial(count, run_dir)) or [] for count in (tokens_by_turn, calls_by_turn))
    pools = _pools(run_dir, reading)
    return RunNumbers(
        name=run_dir.root.resolve().name,
        state=found.state,
        seconds=found.seconds,
        config=config,
        config_text=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        manifest=manifest,
        seeds=count_seeds(config),
        turns=turns,
        steps=steps,
        stage_seconds=seconds,
        tokens=tokens,
        calls=calls,
        pools=pools,
        best=found.best,
        stopped_early=found.stopped_early,
        config_changes=found.config_changes,
        damaged=tuple(dict.fromkeys((*found.damaged, *reading.damaged))),
    )


def _pools(run_dir: RunDir, reading: Reading) -> tuple[PoolShape, ...]:
    try:
        return tuple(read_pools(run_dir))
    except UsageError as error:
        reading.damaged.append(str(error))
        return ()


def count_seeds(config: Config) -> int | None:
    """Rows of the config's seed file; None where it is no longer there."""
    try:
        return count_rows(Path(config.seeds)) if config.seeds else None
    except UsageError:
        return None
