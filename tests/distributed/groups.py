"""What the tests of process groups share: a short Follower training, and who of its processes lives."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file

from seif import load_config
from seif.artifacts import Beside
from seif.constraints.compiler import compile_text
from seif.distributed.heartbeat import read_beat
from seif.distributed.launch import Launcher
from seif.distributed.worker import beat_file
from seif.extensions import load_extensions
from seif.instructions import write_instructions
from seif.models import JudgeWeights
from seif.stages import FollowerTraining
from seif.types import Instruction
from support import RecordingLog

HERE = Path(__file__).parent
SHARDED = ("sharding=fsdp2", f"plugins=[{HERE / 'fsdp_on_cpu.py'}]")
SETTINGS = (
    "dtype=float32",
    "judger.kind=rules",
    "follower.steps=3",
    "follower.grpo.prompts_per_step=4",
    "follower.grpo.samples=4",
    "follower.grpo.updates_per_step=2",
    "follower.grpo.micro_batch=4",
    "follower.grpo.max_new_tokens=16",
)


def instructions(folder: Path) -> Path:
    """Eight instructions whose constraints rules check."""
    path = folder / "instructions.parquet"
    if not path.exists():
        constraints = tuple(map(compile_text, ("Use at least 10 words.", "Do not use any commas.")))
        topics = ("river", "cat", "train", "clock", "library", "owl", "sea", "sun")
        write_instructions(path, [Instruction(f"Tell me about the {t}.", constraints) for t in topics])
    return path


def train(folder: Path, *overrides: str, log: RecordingLog | None = None) -> tuple[RecordingLog, dict]:
    """Train, or resume, the Follower in `folder`; what was logged, and the weights."""
    config = load_extensions(load_config("nano-tiny", [*SETTINGS, *overrides]))
    training = FollowerTraining(1, config.model, JudgeWeights(config.model), instructions(folder.parent), folder)
    log = log or RecordingLog()
    Launcher(config)(training, log)
    (weights,) = folder.glob("*.safetensors")
    return log, load_file(weights)


def furthest(a: dict, b: dict) -> float:
    """The largest difference of two checkpoints with the same keys."""
    assert a.keys() == b.keys()
    return max((a[name].float() - b[name].float()).abs().max().item() for name in a)


def pid_of(folder: Path, rank: int) -> int:
    beat = read_beat(beat_file(Beside(folder).processes, rank))
    assert beat is not None
    return beat.pid
