"""What `gpu_probe` writes down of every training step, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

PROBE_FILE = "SEIF_BENCHMARK_STEPS"
"""The environment variable that names the file."""


@dataclass(frozen=True)
class Step:
    """One step of GRPO with a single update. Bytes are None without a GPU."""

    step: int
    """From 1."""
    seconds: float
    generate_seconds: float
    """Sampling, with the copy of the weights that the sampler gets."""
    score_seconds: float
    """The reference's log-probabilities, and the rewards."""
    rows: int
    prompt_tokens: int
    """Of all rows: a prompt counts for each of its completions."""
    completion_tokens: int
    generate_peak: int | None
    """torch.cuda.max_memory_allocated while rollouts are sampled."""
    update_peak: int | None
    """The same for the rest of the step."""
    device_used: int | None
    """Of the whole device, by all processes; the larger of the two after sampling and after the update."""

    @property
    def update_seconds(self) -> float:
        """Forward, backward and optimizer."""
        return self.seconds - self.generate_seconds - self.score_seconds

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


_STEP = TypeAdapter(Step)


def append_step(path: Path, step: Step) -> None:
    """Add a line."""
    with path.open("ab") as file:
        file.write(_STEP.dump_json(step) + b"\n")


def read_steps(path: Path) -> list[Step]:
    """All steps so far; none where there is no file yet."""
    return [_STEP.validate_json(line) for line in path.read_bytes().splitlines()] if path.exists() else []
