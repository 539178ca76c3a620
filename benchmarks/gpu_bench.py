"""What the phases of `benchmarks.gpu` share: sizes, models, commands and their limit of time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.gpu_models import make_instructions
from benchmarks.gpu_steps import PROBE_FILE
from seif.config import Config
from seif.config_file import build_config
from seif.footprint import Architecture, Device, training_footprint
from seif.planning.hardware import Hardware

ROOT = Path(__file__).parents[1]
USABLE = 0.85
"""Share of the device's memory that a training may need by the plan's estimate, vLLM's share included."""
BATCHES = ((16, 131_072), (8, 131_072), (8, 65_536), (4, 49_152), (2, 24_576), (1, 8192))
"""Micro-batches with token budgets of generation, the largest first."""


class PhaseFailed(Exception):
    """Why a phase has no result, in one line."""


class LeftOut(Exception):
    """Why a phase did not run, in one line."""


class Span(NamedTuple):
    """Least and most."""

    least: int
    most: int


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    full: str
    """The shape whose weights are all trained; a name in `gpu_models.SHAPES`."""
    lora: str
    """The shape that gets an adapter."""
    ends: str
    """The shape that is killed and resumed."""
    steps: int
    """Of a training that is measured. The first is not counted: it warms up."""
    prompts: int
    samples: int
    prompt_tokens: Span
    new_tokens: int
    rows: tuple[int, ...]
    """Batches of the engine alone."""


REAL = Sizes("qwen-1.5b", "qwen-7b", "qwen-0.4b-ends", 2, 16, 4, Span(256, 512), 512, (32, 128, 256))
TINY = Sizes("tiny", "tiny-untied", "tiny-ends", 2, 2, 2, Span(24, 48), 16, (2, 4))


@dataclass
class Bench:
    """What the phases share."""

    work: Path
    sizes: Sizes
    deadline: float
    """time.monotonic at which everything must be done."""
    device: Device
    hardware: Hardware
    """Its data sheet."""
    plugins: Sequence[str] = ()
    """Of every training, beside the probe."""
    vllm_python: str | None = None
    """The Python of an environment with vLLM, for servers."""
    made: dict[str, float] = field(default_factory=dict)
    """Seconds that the random models took."""

    def model(self, shape: str) -> Path:
        """The directory of a random model, made at its first use."""
        folder = self.work / shape
        if shape not in self.made:
            began = time.monotonic()
            self.run([sys.executable, "-m", "benchmarks.gpu_models", shape, str(folder)])
            self.made[shape] = time.monotonic() - began
        return folder

    @cached_property
    def instructions(self) -> Path:
        """Instructions with prompts of the wanted lengths."""
        path = self.work / "instructions.parquet"
        make_instructions(path, 4 * self.sizes.prompts, self.sizes.prompt_tokens)
        return path

    def run(self, command: Sequence[str], extra: Mapping[str, str] | None = None) -> str:
        """As `run_command`, until the deadline."""
        return run_command(command, self.deadline, extra)

    def train(self, config: Config, out: Path, probed: Path) -> None:
        """`seif train follower`, measured into the file `probed`. Raises as `run`."""
        self.run(self.command(config, out), {PROBE_FILE: str(probed)})

    def command(self, config: Config, out: Path) -> list[str]:
        """The command that trains or resumes."""
        file = out.with_suffix(".yaml")
        file.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
        command = [sys.executable, "-m", "seif", "train", "follower", "--config", str(file), "--out", str(out)]
        return [*command, "--model", config.model, "--instructions", str(self.instructions)]

    def config(self, model: Path, steps: int, new_tokens: int, **changes: object) -> Config:
        """The Follower's training on `model`; rules judge. Keys of `changes` are top-level, `grpo` the Follower's."""
        grpo = {
            "prompts_per_step": self.sizes.prompts,
            "samples": self.sizes.samples,
            "updates_per_step": 1,
            "max_new_tokens": new_tokens,
            "save_every": 1000,
        }
        own = changes.pop("grpo", {})
        assert isinstance(own, dict)
        tree = {
            "model": str(model),
            "plugins": ["benchmarks.gpu_probe", *self.plugins],
            "instructions": str(self.instructions),
            "instructor": {"train": False},
            "judger": {"kind": "rules"},
            "follower": {"steps": steps, "format": "plain", "grpo": {**grpo, **own}},
            **changes,
        }
        return build_config(tree, "the benchmark's settings")

    def fitting(self, config: Config, architecture: Architecture, vllm: float = 0.0) -> Config:
        """The config with the largest batches whose estimate fits the device, of whose memory vLLM takes the share
        `vllm`. Raises PhaseFailed where none fits."""
        for micro_batch, token_budget in BATCHES:
            grpo = config.follower.grpo.model_copy(update={"micro_batch": micro_batch})
            engine = config.engine.model_copy(update={"token_budget": token_budget})
            follower = config.follower.model_copy(update={"grpo": grpo})
            tried = config.model_copy(update={"follower": follower, "engine": engine})
            needed = training_footprint(architecture, tried, self.device.compute)
            if needed.total - needed.frozen <= (USABLE - vllm) * self.device.memory:
                return tried
        raise PhaseFailed(f"{config.model} needs about {(needed.total - needed.frozen) / 1e9:.0f} GB in any batch")


def run_command(command: Sequence[str], deadline: float, extra: Mapping[str, str] | None = None) -> str:
    """What a command prints; `extra`: its environment beside ours.

    Raises PhaseFailed when it fails or is not done at the deadline, LeftOut when that is past already.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise LeftOut("no time is left; give it more with --minutes")
    environment = {**os.environ, **(extra or {})}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=left, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PhaseFailed(f"not done after {left:.0f} s, when the time was up (--minutes)") from error
    if done.returncode:
        raise PhaseFailed(_last_line(done.stderr) or f"exit status {done.returncode}")
    return done.stdout


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""
