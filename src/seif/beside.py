"""What lies beside an output: this module alone knows its names."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Beside:
    """What is kept beside an output while it is made, or about it."""

    out: Path

    def _named(self, suffix: str) -> Path:
        return self.out.with_name(f"{self.out.name}.{suffix}")

    @property
    def checkpoints(self) -> Path:
        """Of a training that is under way."""
        return self._named("checkpoints")

    @property
    def chunks(self) -> Path:
        """Answers for pseudo-labels that are under way."""
        return self._named("chunks")

    @property
    def parts(self) -> Path:
        """A folder of what a stage has finished, item by item."""
        return self._named("parts")

    @property
    def verdicts(self) -> Path:
        """The cache of verdicts."""
        return self._named("verdicts.jsonl")

    @property
    def server_log(self) -> Path:
        """What the vLLM servers that seif starts print."""
        return self._named("vllm.log")

    @property
    def metrics(self) -> Path:
        """Of a training outside a run directory."""
        return self._named("metrics.jsonl")

    @property
    def numbers(self) -> Path:
        """How good a model is that was trained outside a run directory."""
        return self._named("json")

    @property
    def stats(self) -> Path:
        """What the Instructor wrote outside a run directory, in numbers."""
        return self.out.with_suffix(".stats.json")

    @property
    def counts(self) -> Path:
        """Pseudo-labels outside a run directory, in numbers."""
        return self.out.with_suffix(".json")

    @property
    def tracking(self) -> Path:
        """The folder of the trackers' state."""
        return self._named("tracking")

    @property
    def processes(self) -> Path:
        """What the processes of a training tell each other, and what they print."""
        return self._named("processes")

    @property
    def lock(self) -> Path:
        """Held by the command that makes the output."""
        return self.out.with_name(f".{self.out.name}.lock")

    @property
    def _work(self) -> tuple[Path, ...]:
        return self.checkpoints, self.processes, self.parts, self.chunks

    @property
    def unfinished(self) -> bool:
        """Whether something is there that is only needed while the output is made."""
        return any(folder.exists() for folder in self._work)

    def drop_unfinished(self) -> None:
        """Remove what is only needed while the output is made; a kill can leave it behind after the output is done."""
        for folder in self._work:
            shutil.rmtree(folder, ignore_errors=True)
