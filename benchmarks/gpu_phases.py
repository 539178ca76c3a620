"""The phases of `benchmarks.gpu`: each starts the commands that a user would, in processes of their own, so that one
that fails or fills the device's memory leaves the others alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import safe_open

from benchmarks.flops import full_training_flops, lora_training_flops, mfu, peak_flops
from benchmarks.generation import Batch
from benchmarks.gpu_bench import ROOT, Bench, LeftOut, PhaseFailed
from benchmarks.gpu_steps import Step, read_steps
from seif.artifacts import Beside
from seif.config import Config
from seif.engines.architecture import describe
from seif.footprint import Architecture, Footprint, training_footprint
from seif.planning.rates import rough_rates
from seif.training.checkpoints import step_of

LORA = {"r": 16, "alpha": 32}
COLOCATED, SERVED = 0.3, 0.4
"""Shares of the device's memory that vLLM takes beside a training, in its process and as a server."""
POLL = 0.1
"""Seconds between two looks at a process that is to be killed."""


@dataclass(frozen=True)
class Training:
    """A training that was measured. Rates are those of all steps but the first; bytes are None without a GPU."""

    model: str
    parameters: int
    trained: int
    """Parameters, of the adapter where there is one."""
    micro_batch: int
    token_budget: int
    rollout_tokens_per_s: float
    """Tokens of completions per second of sampling."""
    training_tokens_per_s: float
    """Tokens of prompts and completions per second of reference, reward, forward, backward and optimizer."""
    tokens_per_s: float
    """The same per second of the whole step."""
    mfu: float | None
    """Of forward, backward and optimizer; None where the device's peak is not known."""
    generate_peak: int | None
    update_peak: int | None
    device_used: int | None
    planned_rollout_tokens_per_s: float
    """By the data sheet, as `seif plan` has it."""
    planned_training_tokens_per_s: float
    estimated_generate_peak: int
    estimated_update_peak: int
    estimate: Footprint
    """As `seif plan` has it; its frozen roles are not loaded here, because rules judge."""
    steps: Sequence[Step]


@dataclass(frozen=True)
class Resumption:
    """A training that was killed, and the same command again."""

    killed_after: int
    """The last step whose checkpoint was whole."""
    resumed_at: int
    steps: int
    """Of the whole training; the resumed command made the last of them."""
    identical: bool
    """Whether the weights equal those of an undisturbed training bit for bit; on a GPU they need not."""
    furthest: float
    """The largest difference of a weight."""


def full_training(bench: Bench) -> Training:
    """All weights, in one process, rollouts from the engine in process."""
    return _measured(bench, "full", bench.sizes.full)


def sharded_training(bench: Bench) -> Training:
    """The same under FSDP2 with one process, which torchrun starts."""
    return _measured(bench, "fsdp2", bench.sizes.full, sharding="fsdp2")


def lora_training(bench: Bench) -> Training:
    """An adapter on a base in the type that the device computes in."""
    return _measured(bench, "lora", bench.sizes.lora, lora=LORA, grpo={"dtype": bench.device.compute})


def generation(bench: Bench) -> Sequence[Batch]:
    """The engine in process alone, on the shape that gets the adapter, by the number of rows."""
    rows = map(str, bench.sizes.rows)
    command = [sys.executable, "-m", "benchmarks.generation", str(bench.model(bench.sizes.lora)), "--rows", *rows]
    lengths = [f"--prompt-tokens={bench.sizes.prompt_tokens.least}", f"--new-tokens={bench.sizes.new_tokens // 4}"]
    return TypeAdapter(Sequence[Batch]).validate_json(bench.run([*command, *lengths]))


def kill_and_resume(bench: Bench) -> Resumption:
    """Kill -9 in the middle of a training, then the same command again; compared with an undisturbed training."""
    steps, kill_after = 4, 2
    config = bench.config(bench.model(bench.sizes.ends), steps, 64, grpo={"save_every": 1, "micro_batch": 4})
    undisturbed, disturbed = bench.work / "undisturbed", bench.work / "disturbed"
    bench.train(config, undisturbed, bench.work / "undisturbed.jsonl")
    checkpoints = Beside(disturbed).checkpoints
    with subprocess.Popen(
        bench.command(config, disturbed), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not (checkpoints / f"checkpoint-{kill_after}" / "complete").exists():
            if process.poll() is not None or time.monotonic() > bench.deadline:
                process.kill()
                raise PhaseFailed("the training that was to be killed ended too soon, or not in time")
            time.sleep(POLL)
        process.kill()
    whole = [path.parent for path in checkpoints.glob("checkpoint-*/complete")]
    killed_after = max(map(step_of, whole))
    again = bench.work / "disturbed.jsonl"
    bench.train(config, disturbed, again)
    made = [step.step for step in read_steps(again)]
    if made != list(range(killed_after + 1, steps + 1)):
        raise PhaseFailed(f"killed after step {killed_after}, and the same command then made the steps {made}")
    furthest = _furthest(undisturbed / "model.safetensors", disturbed / "model.safetensors")
    return Resumption(killed_after, made[0] - 1, steps, furthest == 0, furthest)


def colocated_vllm(bench: Bench) -> Training:
    """All weights, rollouts from vLLM in the training process."""
    return _colocated(bench, "vllm", sleep=False)


def sleeping_vllm(bench: Bench) -> Training:
    """The same with vLLM's sleep mode: it gives its memory back while weights are updated."""
    return _colocated(bench, "vllm_sleep", sleep=True)


def served_vllm(bench: Bench) -> Training:
    """An adapter, rollouts from a vLLM server on the same device, which gets the adapter before every step."""
    if bench.vllm_python is None:
        raise LeftOut("vLLM is not installed here; --vllm-python names another Python that has it")
    args = ["--gpu-memory-utilization", str(SERVED), "--max-model-len", str(_longest(bench))]
    if not bench.device.gpu:
        # As in the config nano-vllm-lora: what vLLM needs on a CPU.
        args += ["--enforce-eager", "--no-enable-chunked-prefill"]
    engine = {"kind": "vllm", "vllm": {"python": bench.vllm_python, "args": args}}
    grpo = {"dtype": bench.device.compute, "sampler": "served"}
    return _measured(bench, "vllm_served", bench.sizes.lora, SERVED, lora=LORA, engine=engine, grpo=grpo)


PHASES: Mapping[str, Callable[[Bench], Training | Resumption | Sequence[Batch]]] = {
    "full": full_training,
    "lora": lora_training,
    "fsdp2": sharded_training,
    "kill_and_resume": kill_and_resume,
    "generation": generation,
    "vllm": colocated_vllm,
    "vllm_sleep": sleeping_vllm,
    "vllm_served": served_vllm,
}
"""In the order in which they run, which is that of their value where time is short."""


def _colocated(bench: Bench, name: str, sleep: bool) -> Training:
    if find_spec("vllm") is None:
        raise LeftOut("vLLM is not installed in this Python")
    if not bench.device.gpu:
        raise LeftOut("vLLM in the training process needs a GPU")
    grpo = {
        "sampler": "vllm",
        "colocate": {"gpu_memory_utilization": COLOCATED, "sleep": sleep},
        "extra": {"vllm_max_model_length": _longest(bench)},
    }
    return _measured(bench, name, bench.sizes.full, COLOCATED, grpo=grpo)


def _longest(bench: Bench) -> int:
    """Tokens of the longest prompt with its completion, and some more."""
    return 2 * bench.sizes.prompt_tokens.most + bench.sizes.new_tokens


def _measured(bench: Bench, name: str, shape: str, vllm: float = 0.0, **changes: object) -> Training:
    """Train a few steps, then remove what was trained. `vllm`: the share of the device's memory that vLLM takes."""
    model = bench.model(shape)
    architecture = describe(str(model)).architecture
    config = bench.fitting(
        bench.config(model, bench.sizes.steps, bench.sizes.new_tokens, **changes), architecture, vllm
    )
    out, probed = bench.work / name, bench.work / f"{name}.jsonl"
    try:
        bench.train(config, out, probed)
    finally:
        for left in (out, Beside(out).checkpoints):
            shutil.rmtree(left, ignore_errors=True)
    return summary(shape, architecture, config, bench, read_steps(probed))


def summary(shape: str, architecture: Architecture, config: Config, bench: Bench, steps: Sequence[Step]) -> Training:
    """Rates and peaks of a training beside its estimate. Raises PhaseFailed where nothing was measured."""
    counted = steps[1:] or steps
    if not counted:
        raise PhaseFailed("the training wrote no step down")
    tokens, update = sum(s.tokens for s in counted), sum(s.update_seconds for s in counted)
    multiplied = matrix_parameters(architecture)
    adapter = config.lora.r * architecture.linear_widths if config.lora else 0
    flops = lora_training_flops(multiplied, adapter, tokens) if config.lora else full_training_flops(multiplied, tokens)
    estimate = training_footprint(architecture, config, bench.device.compute)
    speed = rough_rates(bench.hardware, architecture, config).speed
    held = estimate.total - estimate.frozen
    return Training(
        model=shape,
        parameters=architecture.parameters,
        trained=adapter or architecture.parameters,
        micro_batch=min(config.follower.grpo.micro_batch, counted[0].rows),
        token_budget=config.engine.token_budget,
        rollout_tokens_per_s=sum(s.completion_tokens for s in counted) / sum(s.generate_seconds for s in counted),
        training_tokens_per_s=tokens / (update + sum(s.score_seconds for s in counted)),
        tokens_per_s=tokens / sum(s.seconds for s in counted),
        mfu=mfu(flops, update, peak_flops(bench.device.name)),
        generate_peak=_most([s.generate_peak for s in steps]),
        update_peak=_most([s.update_peak for s in steps]),
        device_used=_most([s.device_used for s in steps]),
        planned_rollout_tokens_per_s=counted[0].rows / (speed.step + speed.written * counted[0].rows),
        planned_training_tokens_per_s=1 / speed.trained,
        estimated_generate_peak=held - estimate.activations,
        estimated_update_peak=held - estimate.generation,
        estimate=estimate,
        steps=steps,
    )


def matrix_parameters(architecture: Architecture) -> int:
    """Parameters that take part in matrix products: an embedding that is not the head only looks rows up."""
    looked_up = 0 if architecture.tied else architecture.vocabulary * architecture.hidden
    return architecture.parameters - looked_up


def _most(found: Sequence[int | None]) -> int | None:
    return max((value for value in found if value is not None), default=None)


def _furthest(a: Path, b: Path) -> float:
    """The largest difference of a weight in two checkpoints with the same names."""
    with safe_open(a, "pt") as left, safe_open(b, "pt") as right:
        return max(float(torch.max(torch.abs(left.get_tensor(k) - right.get_tensor(k)))) for k in left.keys())  # noqa: SIM118
