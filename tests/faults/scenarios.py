"""The commands that `kills` kills, and the moments at which it does."""

from __future__ import annotations

import atexit
import functools
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from faults.moments import ALL, TERM, WORK, Moment
from support import NANO

Command = Callable[[Path], Sequence[object]]
"""The folder that a command writes in -> its arguments."""


@dataclass(frozen=True)
class Scenario:
    """A command, and the moments at which it is killed, in the order in which they come."""

    name: str
    command: Command
    moments: tuple[Moment, ...]
    watched: Callable[[Path], Path] = lambda folder: folder
    """The folder that the moments' paths are relative to, in the one that the command writes in."""
    needs: str = ""
    """Another scenario, whose undisturbed command makes what this one reads."""
    cached: bool = False
    """Verdicts are cached: a resume finds those of steps that are made anew, and counts fewer tokens."""
    runs: bool = False
    """It is a `seif run`: at every moment its directory is also read, by `seif status` or `seif report`."""


def any_time(rng: random.Random) -> tuple[Moment, ...]:
    """Fourteen moments of work, one in each tenth of a second, so that no two are the same."""
    return tuple(Moment(WORK, f"{tenth / 10 + rng.uniform(0, 0.1):.3f}") for tenth in range(14))


def settings(*texts: str) -> list[str]:
    """`--set` for each word."""
    return [part for text in texts for word in text.split() for part in ("--set", word)]


SMALL = (
    "evaluation.tasks=6 evaluation.showcase=2 instructor.seeds_per_turn=6 instructor.steps=1 follower.steps=2 "
    "instructor.grpo.prompts_per_step=2 instructor.grpo.samples=4 "
    "follower.grpo.prompts_per_step=2 follower.grpo.samples=4 follower.grpo.save_every=1"
)
"""One step of the Instructor, two of the Follower, and a handful of tasks."""
ALL_OPTIONS = (
    "turns=2 follower.replay=0.25 follower.hindsight=true follower.reward=all_or_nothing judger.min_reliability=0 "
    "instructor.allocation=bandit instructor.candidates=2 instructor.probes=2 instructor.edits=0.5"
)
ADAPTERS = "turns=2 lora.r=4 instructor.train=false"
SECOND = (
    "turns=2 evaluation.tasks=6 evaluation.showcase=2 instructor.seeds_per_turn=8 follower.steps=2 "
    "follower.grpo.prompts_per_step=2 follower.grpo.samples=4 follower.grpo.micro_batch=4 follower.grpo.save_every=1 "
    "self_supervised.reward_model.epochs=2 self_supervised.reward_model.batch_size=8 "
    "self_supervised.reward_model.micro_batch=8"
)
GROUP = "turns=1 instructor.train=false devices=2 follower.grpo.micro_batch=4"


@functools.cache
def data() -> Path:
    """A few of the embedded model's seeds and audit tasks, labelled pairs, and responses to be judged."""
    folder = temporary("data")
    for name, rows in (("seeds", 24), ("audit", 8), ("held_out", 40)):
        pq.write_table(pq.read_table(NANO / "data" / f"{name}.parquet").slice(0, rows), folder / f"{name}.parquet")
    tasks = pq.read_table(folder / "held_out.parquet").to_pylist()
    answered = [{**task, "response": other["prompt"]} for task, other in zip(tasks, reversed(tasks), strict=True)]
    pq.write_table(pa.Table.from_pylist(answered), folder / "answered.parquet")
    return folder


@functools.cache
def temporary(name: str) -> Path:
    """A folder that is gone with this process."""
    folder = tempfile.TemporaryDirectory(prefix=f"seif-{name}-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def folder_of(name: str) -> Path:
    """Where a scenario's command writes when nothing disturbs it."""
    return temporary("undisturbed") / name.replace(" ", "-")


def run(config: str, *texts: str) -> Command:
    """`seif run` of a shipped config with a few seeds."""
    return lambda folder: ["run", config, "--seeds", data() / "seeds.parquet", "--run-dir", folder, *settings(*texts)]


def loop(*texts: str) -> Command:
    """The self-evolving system, audited."""
    return lambda folder: run("nano-tiny", SMALL, f"audit={data() / 'audit.parquet'}", *texts)(folder)


def generate(folder: Path) -> Sequence[object]:
    """Instructions for a few seeds, chosen by probes."""
    places = ["--model", NANO / "model", "--seeds", data() / "seeds.parquet", "--out", folder / "made.parquet"]
    wanted = settings(SMALL, "instructor.candidates=2 instructor.probes=2")
    return ["generate", "--config", "nano-tiny", *places, *wanted]


def train_follower(folder: Path) -> Sequence[object]:
    """An adapter, by a judge whose verdicts are cached."""
    places = ["--model", NANO / "model", "--instructions", data() / "held_out.parquet", "--out", folder / "model"]
    wanted = settings(SMALL, "lora.r=4 engine.cache=true rollouts=2")
    return ["train", "follower", "--config", "nano-tiny", *places, *wanted]


def pseudo_label(folder: Path) -> Sequence[object]:
    """Labels for the constraints of a few instructions."""
    places = [
        "--model",
        NANO / "model",
        "--instructions",
        data() / "held_out.parquet",
        "--out",
        folder / "pairs.parquet",
    ]
    return ["pseudo-label", "--config", "nano-self-supervised", *places]


def train_reward_model(folder: Path) -> Sequence[object]:
    """A classifier, from the labels that `pseudo_label` makes."""
    labels = folder_of("seif pseudo-label") / "pairs.parquet"
    places = ["--model", NANO / "model", "--labels", labels, "--out", folder / "model"]
    return [
        "train",
        "reward-model",
        "--config",
        "nano-self-supervised",
        *places,
        *settings("self_supervised.reward_model.epochs=3"),
    ]


def evaluate(folder: Path) -> Sequence[object]:
    """Held-out accuracy, and the judge's; all that it makes is printed."""
    return [
        "evaluate",
        NANO / "model",
        "--config",
        "nano-tiny",
        "--judge-model",
        NANO / "model",
        "--json",
        *settings(SMALL),
    ]


def judge(folder: Path) -> Sequence[object]:
    """Verdicts on a few responses, by the embedded model."""
    places = ["--model", NANO / "model", "--out", folder / "judged.jsonl"]
    # A small batch, so that some are judged when others are not.
    return [
        "judge",
        data() / "answered.parquet",
        *places,
        "--config",
        "nano-tiny",
        *settings("engine.token_budget=512"),
    ]


def in_order(kinds: str, *moments: Moment) -> tuple[Moment, ...]:
    """The moments, each with a signal drawn by the seed `kinds`; every third or so is SIGTERM."""
    rng = random.Random(kinds)
    return tuple(replace(moment, kind=TERM) if rng.random() < 0.3 else moment for moment in moments)


def _stage(folder: str, *steps: tuple[str, str]) -> list[Moment]:
    return [Moment(operation, f"{folder}/{path}") for operation, path in steps]


_ALL: tuple[Scenario, ...] = (
    Scenario(
        "self-evolving",
        loop(ALL_OPTIONS),
        in_order(
            "self-evolving",
            Moment("write", ".lock"),
            Moment("flush", "seeds.parquet.partial"),
            Moment("rename", "manifest.json"),
            Moment("rename", "config.yaml"),
            Moment("rename", "turn_00/instructions.parquet.parts/job.json"),
            Moment("write", "turn_00/instructions.parquet.parts/checked_1.jsonl"),
            Moment("rename", "turn_00/instructions.parquet"),
            Moment("rmtree", "turn_00/instructions.parquet.parts"),
            Moment("write", "turn_00/audit.json.parts/judge.jsonl", torn="turn_00/audit.json.parts/answers.jsonl"),
            Moment("rename", "turn_00/audit.json"),
            Moment("link", "best.partial"),
            Moment("rename", "best"),
            Moment("write", "turn_00/evaluation.json.parts/sampled.jsonl"),
            Moment("flush", "turn_00/evaluation.json.partial", torn="turn_00/evaluation.json.partial"),
            Moment("rmtree", "turn_00/evaluation.json.parts"),
            Moment("flush", "report.html.partial", torn="report.html.partial"),
            Moment("remove", "stopped.json"),
            Moment("write", "turn_01/instructor.checkpoints/checkpoint-1/config.json"),
            Moment("write", "turn_01/instructor.checkpoints/checkpoint-1/complete"),
            Moment("flush", "turn_01/instructor.partial/*", torn="turn_01/instructor.partial/model.safetensors"),
            Moment("rename", "turn_01/instructor"),
            Moment("rmdir", "turn_01/instructor.checkpoints"),
            Moment("write", "turn_01/instructions.parquet.parts/probed.jsonl"),
            Moment("rename", "turn_01/instructions.parquet"),
            Moment("write", "turn_01/outcomes.jsonl"),
            Moment("write", "metrics.jsonl", torn="turn_01/rollouts/train_follower.jsonl"),
            Moment("write", "turn_01/follower.checkpoints/checkpoint-1/complete"),
            Moment(
                "write",
                "turn_01/follower.checkpoints/checkpoint-2/trainer_state.json",
                torn="turn_01/follower.checkpoints/checkpoint-2/optimizer.pt",
            ),
            Moment("rmtree", "turn_01/follower.checkpoints/checkpoint-1"),
            Moment("flush", "turn_01/follower.partial/tokenizer.json"),
            Moment("rename", "turn_01/follower"),
            Moment("write", "turn_01/audit.json.parts/next_judge.jsonl"),
            Moment("rename", "turn_01/audit.json"),
            Moment("rename", "best.json"),
            Moment("rename", "turn_01/showcase.json"),
            Moment("rename", "turn_01/evaluation.json"),
            Moment("rename", "turn_02/instructor.checkpoints/job.json"),
            Moment("write", "turn_02/instructor.checkpoints/README.md"),
            Moment("write", "turn_02/instructions.parquet.parts/written_4.jsonl"),
            Moment("flush", "turn_02/generation.json.partial"),
            Moment("write", "turn_02/rollouts/train_follower.jsonl"),
            Moment("mkdir", "turn_02/follower.checkpoints/checkpoint-2"),
            Moment("rename", "turn_02/follower"),
            Moment("rename", "turn_02/audit.json.parts/job.json"),
            Moment("rename", "turn_02/audit.json"),
            Moment("write", "turn_02/evaluation.json.parts/verdicts.jsonl"),
            Moment("rename", "turn_02/evaluation.json"),
        ),
        runs=True,
    ),
    Scenario(
        "self-evolving, at any time",
        loop("turns=1"),
        any_time(random.Random("any time")),
        runs=True,
    ),
    Scenario(
        "adapters",
        loop(ADAPTERS),
        in_order(
            "adapters",
            Moment("rename", "turn_00/evaluation.json"),
            Moment("rmtree", "turn_01/follower.checkpoints/checkpoint-1/ref"),
            Moment("write", "turn_01/follower.checkpoints/checkpoint-2/complete"),
            Moment("flush", "turn_01/follower.partial/*", torn="turn_01/follower.partial/adapter_model.safetensors"),
            Moment("write", "turn_01/follower.partial/adapter_config.json"),
            Moment("rename", "turn_01/follower"),
            Moment("rename", "turn_02/instructions.parquet"),
            Moment("write", "turn_02/outcomes.jsonl"),
            Moment("write", "turn_02/follower.checkpoints/checkpoint-1/trainer_state.json"),
            Moment("rmtree", "turn_02/follower.checkpoints/checkpoint-1"),
            Moment("rename", "turn_02/follower"),
            Moment("link", "best.partial"),
        ),
        runs=True,
    ),
    Scenario(
        "self-supervised",
        run("nano-self-supervised", SECOND),
        in_order(
            "self-supervised",
            *(
                moment
                for turn in ("turn_01", "turn_02")
                for moment in _stage(
                    turn,
                    ("rename", "instructions.parquet"),
                    ("flush", "pseudo_labels.parquet.chunks/00000.json.partial"),
                    ("rename", "pseudo_labels.parquet"),
                    ("rmtree", "pseudo_labels.parquet.chunks"),
                    ("write", "reward_model.checkpoints/checkpoint-*/trainer_state.json"),
                    ("write", "reward_model.checkpoints/checkpoint-*/complete"),
                    ("rename", "reward_model.json"),
                    ("rename", "reward_model"),
                    ("write", "follower.checkpoints/checkpoint-2/complete"),
                    ("write", "evaluation.json.parts/general.jsonl"),
                )
            ),
        ),
        runs=True,
    ),
    Scenario(
        "seif generate",
        generate,
        in_order(
            "seif generate",
            Moment("rename", "made.parquet.parts/seeds.parquet"),
            Moment("rename", "made.parquet.parts/job.json"),
            Moment("write", "made.parquet.parts/written_1.jsonl"),
            Moment("write", "made.parquet.parts/checked_1.jsonl", torn="made.parquet.parts/written_1.jsonl"),
            Moment("write", "made.parquet.parts/probed.jsonl"),
            Moment("rename", "made.stats.json", torn="made.parquet.parts/probed.jsonl"),
            Moment("rename", "made.parquet"),
            Moment("rmtree", "made.parquet.parts"),
        ),
    ),
    Scenario(
        "seif train follower",
        train_follower,
        cached=True,
        moments=in_order(
            "seif train follower",
            Moment("rename", "model.checkpoints/job.json"),
            Moment("write", "model.verdicts.jsonl"),
            Moment("write", "model.metrics.jsonl", torn="model.verdicts.jsonl"),
            Moment("mkdir", "model.checkpoints/checkpoint-1"),
            Moment("write", "model.checkpoints/checkpoint-1/complete"),
            Moment("write", "model.checkpoints/checkpoint-2/trainer_state.json"),
            Moment("rmtree", "model.checkpoints/checkpoint-1"),
            Moment("flush", "model.partial/*", torn="model.partial/adapter_model.safetensors"),
            Moment("rename", "model"),
            Moment("rmtree", "model.checkpoints"),
        ),
    ),
    Scenario(
        "seif pseudo-label",
        pseudo_label,
        in_order(
            "seif pseudo-label",
            Moment("rename", "pairs.parquet.chunks/job.json"),
            Moment("flush", "pairs.parquet.chunks/00000.json.partial", torn="pairs.parquet.chunks/00000.json.partial"),
            Moment("rename", "pairs.json"),
            Moment("rename", "pairs.parquet"),
            Moment("rmtree", "pairs.parquet.chunks"),
        ),
    ),
    Scenario(
        "seif train reward-model",
        train_reward_model,
        needs="seif pseudo-label",
        moments=in_order(
            "seif train reward-model",
            Moment("write", "model.metrics.jsonl"),
            Moment("write", "model.checkpoints/checkpoint-*/trainer_state.json"),
            Moment("write", "model.checkpoints/checkpoint-*/complete", nth=2),
            Moment("rmtree", "model.checkpoints/checkpoint-*"),
            Moment("rename", "model.json"),
            Moment("flush", "model.partial/*", torn="model.partial/model.safetensors"),
            Moment("rename", "model"),
            Moment("rmtree", "model.checkpoints"),
        ),
    ),
    Scenario(
        "seif evaluate",
        evaluate,
        (
            Moment("read", "model/tokenizer_config.json"),
            Moment("read", "model/config.json", kind=TERM),
            Moment(WORK, "0.5"),
            Moment("read", "model/generation_config.json"),
        ),
        watched=lambda folder: NANO,
    ),
    Scenario(
        "seif judge",
        judge,
        in_order(
            "seif judge",
            Moment("rename", "judged.jsonl.parts/job.json"),
            Moment("write", "judged.jsonl.parts/judgements.jsonl"),
            Moment("write", "judged.jsonl.partial", torn="judged.jsonl.parts/judgements.jsonl"),
            Moment("rename", "judged.jsonl"),
            Moment("rmtree", "judged.jsonl.parts"),
        ),
    ),
    Scenario(
        "two processes",
        loop(GROUP),
        (
            Moment("write", "turn_01/follower.processes/job.json.partial"),
            Moment("write", "turn_01/rollouts/train_follower.jsonl"),
            Moment("write", "turn_01/follower.checkpoints/checkpoint-1/complete", rank=0),
            Moment("write", "turn_01/follower.processes/beat_1.json.partial", nth=4, rank=1),
            Moment("write", "metrics.jsonl", kind=TERM),
            Moment("write", "metrics.jsonl", kind=ALL),
            Moment("write", "turn_01/follower.processes/beat_1.json.partial", nth=5, rank=1),
            Moment("flush", "turn_01/follower.partial/model.safetensors", rank=0),
        ),
        runs=True,
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
"""By name."""
