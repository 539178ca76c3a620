"""What seif leaves on disk: this module alone knows where, and everything is written atomically.

A run directory:

    config.yaml  manifest.json  seeds.parquet  events.jsonl  metrics.jsonl  checksums.json  report.html
    turn_01/ instructor/  generation.json  instructions.parquet  follower/  evaluation.json  rollouts/*.jsonl
             outcomes.jsonl                                (what the Follower's rollouts showed, by instruction)
             audit.json   (with an audit; then the run also has best -> turn_01/follower, best.json and stopped.json)
             pseudo_labels.parquet  pseudo_labels.json  reward_model/  reward_model.json   (where a classifier judges)

A file or model directory that exists under its final name is whole; half-made ones live under `*.partial` names. What a
stage needs while it makes an output lies beside that output (`Beside`), in a run directory and elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import filelock
import yaml

from seif.atomic import JsonLines, damaged, hold, read_object, remove, write_json, write_text
from seif.beside import Beside as Beside
from seif.checksums import Checksums
from seif.config import Config
from seif.config.changes import Begun, Change, changes, refusal
from seif.config_file import build_config
from seif.errors import DamagedFile, UsageError
from seif.manifest import Manifest
from seif.stage_log import STAGES, LoggedStep, check_event, check_outcome, check_rollout, check_step

State = Literal["finished", "running", "stopped", "new"]
"""Of a run: `finished`: every turn is evaluated, or the loop ended early by its rule; `running`: a process holds it;
`stopped`: the same command continues it; `new`.
"""


@dataclass(frozen=True)
class FinishedStage:
    """A stage that came to its end, and the wall-clock time of its last sitting."""

    turn: int
    stage: str
    """One of `stage_log.STAGES`."""
    seconds: float


@dataclass(frozen=True)
class EarlyStop:
    """The loop ended before its last turn."""

    turn: int
    """The last one that was run."""
    reason: str


class RunDir:
    """Paths of one run, its lock, and its logs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.metrics = JsonLines(root / "metrics.jsonl", check_step)
        self.events = JsonLines(root / "events.jsonl", check_event)
        self.checksums = Checksums(root / "checksums.json")
        self.report = root / "report.html"
        self.report_lock = root / ".report.lock"
        self.nodes = root / "nodes"
        self._config = root / "config.yaml"
        self._manifest = root / "manifest.json"
        self._stopped = root / "stopped.json"
        self._lock = root / ".lock"

    def turn(self, turn: int) -> Path:
        return self.root / f"turn_{turn:02d}"

    @property
    def seeds(self) -> Path:
        """The run's seed questions, without those that overlap with held-out or benchmark prompts."""
        return self.root / "seeds.parquet"

    def instructor(self, turn: int) -> Path:
        return self.turn(turn) / "instructor"

    def follower(self, turn: int) -> Path:
        return self.turn(turn) / "follower"

    def instructions(self, turn: int) -> Path:
        return self.turn(turn) / "instructions.parquet"

    def generation(self, turn: int) -> Path:
        """What the Instructor wrote, in numbers; written before the instructions."""
        return self.turn(turn) / "generation.json"

    def pseudo_labels(self, turn: int) -> Path:
        return self.turn(turn) / "pseudo_labels.parquet"

    def pseudo_label_counts(self, turn: int) -> Path:
        """How many there are and were dropped; written before the pseudo-labels."""
        return self.turn(turn) / "pseudo_labels.json"

    def reward_model(self, turn: int) -> Path:
        return self.turn(turn) / "reward_model"

    def reward_model_numbers(self, turn: int) -> Path:
        """How good the reward model is; written before it."""
        return self.turn(turn) / "reward_model.json"

    def showcase(self, turn: int) -> Path:
        return self.turn(turn) / "showcase.json"

    def evaluation(self, turn: int) -> Path:
        return self.turn(turn) / "evaluation.json"

    def audit(self, turn: int) -> Path:
        """How good the turn's judge and its Follower are on the audit tasks."""
        return self.turn(turn) / "audit.json"

    @property
    def best(self) -> Path:
        """A link to the Follower of the turn that is best by its audit; absent where that is a base outside this
        machine's folders, and where there are no links."""
        return self.root / "best"

    @property
    def best_numbers(self) -> Path:
        """Which turn that is, and how good."""
        return self.root / "best.json"

    def rollouts(self, turn: int, stage: str) -> JsonLines:
        return JsonLines(self.turn(turn) / "rollouts" / f"{stage}.jsonl", check_rollout)

    def outcomes(self, turn: int) -> JsonLines:
        """What the Follower's rollouts showed, instruction by instruction."""
        return JsonLines(self.turn(turn) / "outcomes.jsonl", check_outcome)

    def output(self, turn: int, stage: str) -> Path:
        """What a stage makes; it is there once the stage is done."""
        named = {
            "train_instructor": self.instructor,
            "generate": self.instructions,
            "pseudo_label": self.pseudo_labels,
            "train_reward_model": self.reward_model,
            "train_follower": self.follower,
            "audit": self.audit,
            "evaluate": self.evaluation,
        }
        return named[stage](turn)

    @property
    def turns(self) -> list[int]:
        """The turns that have a folder."""
        names = (folder.name.removeprefix("turn_") for folder in self.root.glob("turn_*"))
        return sorted(int(name) for name in names if name.isdecimal())

    # --- opening ------------------------------------------------------------------------------------------------------

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; of a run that was refused before it was opened, nothing is left.

        Raises UsageError when another process has it.
        """
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root} is a file; choose another --run-dir")
        if not self.started() and self.seeds.exists() and not self._lock.exists():
            raise UsageError(f"{self.root} has a {self.seeds.name} that no run has written; choose another --run-dir")
        with hold(self._lock, f"another seif run is using {self.root}; wait for it or choose another --run-dir"):
            try:
                yield
            finally:
                if not self.started():
                    self.seeds.unlink(missing_ok=True)
                    self._lock.unlink(missing_ok=True)
                    # It may hold what is not ours.
                    with suppress(OSError):
                        self.root.rmdir()

    def started(self) -> bool:
        """Whether a run was ever opened here."""
        return self._config.exists()

    def held(self) -> bool:
        """Whether some process is running this run now. A lock that can't be read (another user's) counts as free."""
        if not self._lock.exists():
            return False
        lock = filelock.FileLock(self._lock)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        except OSError:
            return False
        lock.release()
        return False

    def state(self) -> State:
        """`finished` (every turn is evaluated, or the loop ended early), `running` (a process holds the run), `stopped`
        (the same command would continue it) or `new` (no stage has begun). Raises UsageError when this is no run
        directory.
        """
        found = [self.evaluation(turn).exists() for turn in range(self.config().turns + 1)]
        if all(found[1:]) or self._stopped.exists():
            return "finished"
        if self.held():
            return "running"
        return "stopped" if any(found) or self.events.path.exists() else "new"

    def stop_early(self, stop: EarlyStop | None) -> None:
        """Note that the loop has ended before its last turn; None: that it goes on after all."""
        if stop is None:
            remove(self._stopped)
        else:
            write_json(self._stopped, {"turn": stop.turn, "reason": stop.reason})

    def stopped_early(self) -> EarlyStop | None:
        """Where and why the loop ended before its last turn; None: it did not. Raises DamagedFile."""
        if not self._stopped.exists():
            return None
        found = read_object(self._stopped)
        turn, reason = found.get("turn"), found.get("reason")
        if not isinstance(turn, int) or not isinstance(reason, str):
            raise damaged(self._stopped, "it has no turn and reason")
        return EarlyStop(turn, reason)

    def choose_best(self, numbers: Mapping[str, float | str], model: Path | None) -> None:
        """Note the best turn in `best.json`, and let `best` link to its `model`, a path in the run directory or an
        absolute one; None: it is no directory of this machine."""
        write_json(self.best_numbers, numbers)
        if model is None:
            self.best.unlink(missing_ok=True)
            return
        partial = self.best.with_name("best.partial")
        partial.unlink(missing_ok=True)
        # Not every file system has links; best.json names the turn everywhere.
        with suppress(OSError):
            partial.symlink_to(model.relative_to(self.root) if model.is_relative_to(self.root) else model.resolve())
            partial.replace(self.best)

    def check(self, config: Config, manifest: Manifest) -> None:
        """Raises UsageError when a run that was started here can't go on with this config, these files and these
        packages, DamagedFile when what is recorded of them is damaged."""
        recorded = self.manifest()
        recorded.check_format(self.root)
        if (wrong := self._manifest_damage()) is not None:
            raise DamagedFile(f"{wrong}; restore it, or use a new --run-dir")
        refused = refusal(self.config(), config, self._begun())
        if refused:
            raise UsageError(f"{self.root} {refused}")
        recorded.check_same(manifest, self.root)

    def open(self, config: Config, manifest: Manifest) -> None:
        """Start the run, or continue it, and note what has changed. Raises UsageError as `check` does."""
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
        if not self.started():
            if self.turns:
                raise UsageError(
                    f"{self._config} is gone, which says what the turns in {self.root} were made with; restore it, or "
                    "use a new --run-dir"
                )
            self._note(manifest)
            write_text(self._config, text)
            return
        self.check(config, manifest)
        recorded = self.manifest()
        completed = recorded.completed(manifest)
        if completed != recorded:
            # It was started by an earlier version, which noted less, or reads further files from now on.
            self._note(completed)
            self.event("files_noted", names=", ".join(recorded.lacks(manifest)))
        found = changes(self.config(), config)
        if found:
            write_text(self._config, text)
            for change in found:
                self.event("config_changed", key=change.key, before=change.before, after=change.after)

    def _note(self, manifest: Manifest) -> None:
        write_json(self._manifest, manifest.as_json())
        self.checksums.note([self._manifest])

    def _begun(self) -> Begun:
        turns = [int(path.name.removeprefix("turn_")) for path in self.root.glob("turn_[0-9]*") if any(path.iterdir())]
        parts = (Beside(self.evaluation(turn)).parts for turn in turns if not self.evaluation(turn).exists())
        return Begun(max(turns, default=0), any(path.exists() for path in parts))

    def config_changes(self) -> list[Change]:
        """What was changed in the config when the run was resumed, in order."""
        return [
            Change(event["key"], event["before"], event["after"])
            for event in self.events.read()
            if event["event"] == "config_changed"
        ]

    def _manifest_damage(self) -> str | None:
        try:
            return self.checksums.damage([self._manifest])
        except DamagedFile:
            # `repair` sets such checksums aside once the run is open.
            return None

    def config(self) -> Config:
        """The config this run was started with. Raises UsageError when this is no run directory, DamagedFile for a
        config that can't be read."""
        if not self.started():
            raise UsageError(f"{self.root} is not a run directory: it has no config.yaml")
        try:
            tree = yaml.safe_load(self._config.read_bytes().decode())
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise damaged(self._config, str(error.problem), line) from error
        except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
            raise damaged(self._config, " ".join(str(error).split())[:200]) from error
        if not isinstance(tree, dict) or not {"model", "turns"} <= tree.keys():
            raise damaged(self._config, "it is no config of a run")
        return build_config(tree, str(self._config))

    def manifest(self) -> Manifest:
        """As written when the run started; an empty one before that. Raises DamagedFile for anything else."""
        if not self._manifest.exists():
            if self.started():
                raise DamagedFile(f"{self._manifest} is gone; restore it, or use a new --run-dir")
            return Manifest.from_json({})
        try:
            return Manifest.from_json(read_object(self._manifest))
        except (TypeError, ValueError, AttributeError) as error:
            raise damaged(self._manifest, f"{type(error).__name__}: {error}") from error

    def event(self, kind: str, **values: str | float) -> None:
        """Note when something happened; wall-clock times live here and nowhere in the metrics."""
        self.events.append({"time": round(time.time(), 3), "event": kind, **values})

    def rewind(self, turn: int, stage: str, step: int) -> None:
        """Forget metrics, rollouts and outcomes of this stage after `step`, and of later ones that are not done."""
        self._keep(turn, stage, lambda logged: logged <= step)

    def forget(self, turn: int, stage: str) -> None:
        """Forget metrics, rollouts and outcomes of this stage and of later ones that are not done."""
        self._keep(turn, stage, lambda _: False)

    def forget_later(self, turn: int, stage: str) -> None:
        """Forget metrics, rollouts and outcomes of later stages that are not done."""
        self._keep(turn, stage, lambda _: True)

    def _keep(self, turn: int, stage: str, wanted: Callable[[int], bool]) -> None:
        """Keep what earlier stages logged, and later ones that are done already, and of this one the `wanted` steps."""
        here = (turn, STAGES.index(stage))

        def kept(record: dict[str, Any]) -> bool:
            place = (record["turn"], STAGES.index(record["stage"]))
            if place == here:
                return wanted(record["step"])
            return place < here or self.output(record["turn"], record["stage"]).exists()

        self.metrics.keep(kept)
        self.rollouts(turn, stage).keep(kept)
        self.outcomes(turn).keep(kept)

    def put_in_order(self) -> None:
        """Sort the metrics by turn and stage, after a stage was made again while later ones are done."""
        self.metrics.sort(lambda record: (record["turn"], STAGES.index(record["stage"])))

    def steps(self) -> list[LoggedStep]:
        """What the training stages have logged, in order; damaged lines are left out, and `repair.damage` names
        them."""
        return [LoggedStep.from_json(line) for line in self.metrics.whole()]

    def finished_stages(self) -> list[FinishedStage]:
        """The stages that were run to their ends, in order; one that was done again is there again. Damaged lines are
        left out."""
        done = [event for event in self.events.whole() if event["event"] == "stage_finished"]
        return [FinishedStage(event["turn"], event["stage"], event["seconds"]) for event in done]

    def seconds(self) -> float:
        """Wall-clock seconds of the finished stages, over all starts and resumes."""
        return round(sum(stage.seconds for stage in self.finished_stages()), 1)
