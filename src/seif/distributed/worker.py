"""One process of a training group. A launcher (torchrun, or the user's own) starts them:

    torchrun --nproc-per-node 8 -m seif.distributed.worker JOB.json

Each trains on its share of every batch; the first one rewards and logs for all. What one dies of is left in a file,
because launchers pass no exit status on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import traceback
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import torch
from accelerate import PartialState

from seif.atomic import write_json
from seif.distributed.channel import ControllerLog, NoLog
from seif.distributed.heartbeat import Failure, Heartbeat, write_failure
from seif.distributed.job import Job, read_job, run_training
from seif.engines.memory import peak_memory
from seif.engines.quiet import quiet
from seif.errors import SeifError, UsageError
from seif.extensions import load_extensions
from seif.redaction import redacted
from seif.training import ranks

_PR_SET_PDEATHSIG = 1


def beat_file(folder: Path, rank: int) -> Path:
    """Where process `rank` of a group beats."""
    return folder / f"beat_{rank}.json"


def failure_file(folder: Path, rank: int) -> Path:
    """Where process `rank` of a group notes what it died of."""
    return folder / f"failure_{rank}.json"


def peak_file(folder: Path) -> Path:
    """How many bytes the process with the most held, once the group is done."""
    return folder / "peak.json"


def main(path: Path) -> None:
    """Run this process's part of the job."""
    if sys.platform == "linux":
        # Also when the launcher is killed and can't end its processes.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    rank = int(os.environ.get("RANK", 0))
    sys.excepthook = _Reporter(failure_file(path.parent, rank), rank)
    Heartbeat(beat_file(path.parent, rank)).start()
    _train(read_job(path), path.parent)


class _Reporter:
    """What is called when an error ends the process: the controller has to hear of it, whatever it is."""

    def __init__(self, file: Path, rank: int) -> None:
        self.file, self.rank = file, rank

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        # torch.distributed collects what is printed here, and would print it after this hook.
        print(redacted("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.__stderr__)
        write_failure(self.file, _failure(error, self.rank))
        # The others wait for this process: nothing may hold it up, not even a library's own clean-up.
        os._exit(1)


def _train(job: Job, folder: Path) -> None:
    quiet()
    config = load_extensions(job.config)
    _connect(config.step_timeout)
    if ranks.current().world != job.processes:
        raise UsageError(
            f"the launcher's world size is {ranks.current().world}, and devices x nodes are {job.processes}; "
            "make launcher start as many"
        )
    run_training(replace(job, config=config), ControllerLog() if ranks.current().first else NoLog())
    peaks = ranks.current().gather([peak_memory()])
    if ranks.current().first:
        write_json(peak_file(folder), max(peaks))
    ranks.current().barrier()


def _connect(timeout: float) -> None:
    """Meet the other processes."""
    PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(seconds=timeout))
    ranks.connect(timeout)


def _failure(error: BaseException, rank: int) -> Failure:
    if isinstance(error, torch.OutOfMemoryError):
        text = (
            f"process {rank} is out of GPU memory; lower micro_batch, set sharding: fsdp2, or train on more devices "
            "(seif plan says what fits)"
        )
        return Failure(False, text, time.time(), deliberate=True)
    if isinstance(error, SeifError):
        return Failure(isinstance(error, UsageError), redacted(str(error)), time.time(), deliberate=True)
    text = f"process {rank} failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Failure(False, redacted(text), time.time(), deliberate=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
