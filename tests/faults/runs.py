"""Run directories for the faults: one made up in a moment, and a real one that is trained once per process."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

from faults.campaign import Crashed, Ended, Lost, call
from report.fake_run import audit, case, evaluation
from seif.artifacts import RunDir
from seif.atomic import write_json
from seif.config_file import load_config
from seif.instructions import write_instructions
from seif.manifest import Manifest
from seif.stage_log import STAGES
from seif.tables import read_rows
from seif.types import Constraint, Instruction
from support import NANO

SEEDS = 8
SMALL = (
    *("instructor.steps=1", "follower.steps=1", "evaluation.tasks=10", "evaluation.showcase=2"),
    *("instructor.grpo.prompts_per_step=4", "follower.grpo.prompts_per_step=4", "instructor.attempts=1"),
)


def folder() -> Path:
    """A new folder, which is removed with the process."""
    made = tempfile.TemporaryDirectory(prefix="seif-faults-")
    _kept.append(made)
    return Path(made.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


@cache
def made_up() -> Path:
    """A finished run of one turn with every kind of file, whose models are no models."""
    run = RunDir(folder() / "run")
    # Without its seeds nothing is estimated, which would take most of the time.
    config = load_config(Path("nano-tiny"), ["audit=nano:data/audit.parquet", "seeds=/gone.parquet"])
    run.open(config, Manifest({"seeds": "ab" * 32}))
    question = Instruction("Write.", (Constraint("Do not use any commas.", "punctuation:no_comma", {}),))
    pool = {"instructions": 1, "types": {"punctuation:no_comma": 1}, "mean_constraints": 1.0}
    rollout = {"prompt": "Write.", "completion": "a", "reward": 1.0, "outcome": "judged", "finished": True}
    outcome = {"seed": "Write.", "constraints": ["Do not use any commas."], "satisfied": [1], "judged": [2]}
    for turn in (0, 1):
        write_json(run.evaluation(turn), evaluation(turn, 0.4 + turn / 10))
        write_json(run.audit(turn), audit(turn, 0.4 + turn / 10))
        write_json(run.showcase(turn), [case()])
        write_json(run.generation(turn), {"pool": pool, "parsable": 0.9, "tokens": {"instructor": 12}})
        write_instructions(run.instructions(turn), [question])
        done = STAGES if turn else ("generate", "audit", "evaluate")
        for stage in (stage for stage in done if stage not in ("pseudo_label", "train_reward_model")):
            if stage.startswith("train"):
                out = run.output(turn, stage)
                out.mkdir()
                write_json(out / "config.json", {"model_type": "llama", "hidden_size": 64})
                (out / "model.safetensors").write_bytes(bytes(range(256)) * 4)
                for step in (1, 2):
                    place = {"turn": turn, "stage": stage, "step": step}
                    run.metrics.append({**place, "reward": 0.25 * step, "tokens/follower": 100})
                    run.rollouts(turn, stage).append({**place, **rollout, "constraints": [], "verdicts": []})
                    if stage == "train_follower":
                        run.outcomes(turn).append({**place, **outcome, "best": [True]})
            run.event("stage_finished", turn=turn, stage=stage, seconds=12.5)
            logs = (run.rollouts(turn, stage).path, run.outcomes(turn).path)
            run.checksums.note(path for path in (run.output(turn, stage), *logs) if path.exists())
        run.checksums.note([run.generation(turn), run.showcase(turn)])
    return run.root


@cache
def trained() -> Path:
    """A finished run on the embedded model, as small as a run can be."""
    seeds = folder() / "seeds.jsonl"
    rows = read_rows(NANO / "data" / "seeds.parquet")[:SEEDS]
    seeds.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = folder() / "run"
    _seeds.append(seeds)
    ended = resume(run)
    if ended.code != 0:
        raise Crashed(f"the undisturbed run: {ended.err[-500:]}")
    return run


_seeds: list[Path] = []


def command(run: Path) -> tuple[object, ...]:
    """The command that makes and resumes the small run."""
    sets = [word for key in SMALL for word in ("--set", key)]
    return ("run", "nano-tiny", "--run-dir", run, "--seeds", _seeds[0], *sets)


def resume(run: Path) -> Ended:
    """Run or resume in this process."""
    return call(*command(run))


def copy(run: Path, folder: Path) -> Path:
    """A run directory of its own for a fault, with the times of its files."""
    return Path(shutil.copytree(run, folder / "run", symlinks=True))


def results(run: Path, logged: bool = True) -> dict[str, str]:
    """What must be the same in a run that was disturbed and resumed: the digest of each result, by its path.

    `logged`: with what an evaluation takes from metrics.jsonl, the Judger's reliability in training.
    """
    found = {}
    for file in sorted(run.glob("turn_*/**/*")):
        if not file.is_file() or ".damaged-" in str(file) or file.name == "outcomes.jsonl" or "rollouts" in file.parts:
            continue
        content = file.read_bytes()
        if file.name == "evaluation.json":
            numbers = {**json.loads(content), "seconds": 0}
            if not logged:
                numbers["judger"].pop("in_training", None)
            content = json.dumps(numbers, sort_keys=True).encode()
        found[str(file.relative_to(run))] = hashlib.sha256(content).hexdigest()
    return found


def expect_same_results(run: Path, undisturbed: Path, logged: bool = True) -> None:
    """Raises Lost where a result of the run differs from that of the undisturbed one, or is gone."""
    wanted, found = results(undisturbed, logged), results(run, logged)
    if different := [name for name in wanted if found.get(name) != wanted[name]]:
        raise Lost(f"not as in the undisturbed run: {', '.join(different)}")
