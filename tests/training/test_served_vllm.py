"""Rollouts from vLLM for real, on the CPU, out of the environment that `make test-vllm` makes."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from seif.config_file import build_config, load_config
from seif.engines.vllm import VllmServer
from seif.errors import RunError
from seif.models import ModelPool
from seif.training.grpo import train
from seif.training.job import GrpoJob
from seif.training.rollouts import RewardBatch
from seif.training.served import FLOAT32_BOUND, ServedSampler
from support import NANO, ROOT, Kill, RecordingLog

pytestmark = pytest.mark.vllm
PYTHON = f"engine.vllm.python={ROOT}/.venv-vllm/bin/python"
BASE = str(NANO / "model")
STEPS = 3
PROMPTS = [
    [{"role": "user", "content": f"Tell me about the {t}.\nAvoid commas."}]
    for t in ("river", "cat", "train", "clock", "library", "owl")
]
SETTINGS = {
    "sampler": "served", "learning_rate": 2e-3, "prompts_per_step": 4, "samples": 3, "updates_per_step": 2,
    "micro_batch": 6, "kl": 0.05, "max_prompt_tokens": 64, "max_new_tokens": 24, "gradient_checkpointing": False,
    "temperature": 0.8,
}  # fmt: skip


@pytest.fixture(scope="module")
def config():
    tree = {**load_config(Path("nano-vllm"), [PYTHON]).model_dump(mode="json"), "dtype": "float32"}
    tree["lora"] = {"r": 4, "alpha": 8}
    tree["engine"]["dtype"] = "float32"
    tree["follower"]["grpo"] = SETTINGS
    return build_config(tree, "test")


@pytest.fixture(scope="module")
def pool(config, tmp_path_factory):
    """One server for all tests: every run unloads what it pushed."""
    with ModelPool(config, tmp_path_factory.mktemp("served") / "out") as pool, pool.use(BASE):
        yield pool


async def short_is_good(samples, step):
    return RewardBatch([1 / (1 + len(s.text)) for s in samples], {}, [{"row": s.row, "text": s.text} for s in samples])


def run(folder, pool, config, kill_at=None):
    """Train an adapter; the log of it."""
    log = RecordingLog(kill_at)
    job = GrpoJob(
        model=BASE,
        prompts=PROMPTS,
        steps=STEPS,
        settings=config.follower.grpo,
        seed=11,
        lora=config.lora,
        dtype="float32",
        work=folder / "work",
        out=folder / "out",
    )

    with pool.policy(BASE) as policy:
        train(job, short_is_good, log, policy)
    return log


def mismatch(metrics):
    return {name: value for name, value in metrics.items() if name.startswith("sampling/")}


def texts(log):
    return [[record["text"] for record in records] for _, _, records in log.steps]


def test_every_step_is_sampled_from_the_newest_adapter_and_a_resume_samples_the_same(pool, config, tmp_path, capsys):
    whole = run(tmp_path / "whole", pool, config)
    assert len(whole.steps) == STEPS
    for number, metrics, _ in whole.steps:
        with capsys.disabled():
            print(f"\nstep {number} sampled by vLLM: {mismatch(metrics)}")
        assert metrics["sampling/sampling_logp_difference/mean"] < FLOAT32_BOUND / 10
        assert metrics["sampling/sampling_logp_difference/max"] < FLOAT32_BOUND
        assert metrics["sampling/importance_sampling_ratio/mean"] == pytest.approx(1, abs=FLOAT32_BOUND)
        assert number == 1 or metrics["sampling/update_seen"] > 0.95
    assert len({text for step in texts(whole) for text in step}) > STEPS

    with pytest.raises(Kill):
        # Its checkpoint is not written yet, so this step is sampled again.
        run(tmp_path / "cut", pool, config, kill_at=2)
    resumed = run(tmp_path / "cut", pool, config)
    assert resumed.resumed_at == 1
    assert texts(resumed) == texts(whole)[1:]
    left, right = (load_file(tmp_path / name / "out" / "adapter_model.safetensors") for name in ("whole", "cut"))
    assert all(torch.allclose(left[name], right[name], atol=1e-5) for name in left)
    assert not (tmp_path / "cut" / "work").exists()


def test_without_a_correction_the_mismatch_is_measured_all_the_same(pool, config, tmp_path):
    grpo = config.follower.grpo.model_copy(update={"importance_correction": "none"})
    changed = config.model_copy(update={"follower": config.follower.model_copy(update={"grpo": grpo})})
    for number, metrics, _ in run(tmp_path, pool, changed).steps:
        found = mismatch(metrics)
        assert found["sampling/sampling_logp_difference/max"] < FLOAT32_BOUND
        assert len(found) == 3 + (number > 1)


@pytest.mark.parametrize("bound", [FLOAT32_BOUND, 10.0], ids=["in float32", "where rounding would hide it"])
def test_a_server_that_keeps_the_old_adapter_under_the_new_name_is_refused(pool, config, tmp_path, monkeypatch, bound):
    ask, kept = VllmServer._ask, []

    def keeping(self, method, path, limit, body=None):
        if path == "/v1/load_lora_adapter":
            # A step late: what was pushed last is copied, as it is removed afterwards.
            copy = tmp_path / f"kept-{len(kept)}"
            shutil.copytree(body["lora_path"], copy)
            kept.append(copy)
            body = {**body, "lora_path": str(kept[max(0, len(kept) - 2)])}
        return ask(self, method, path, limit, body)

    monkeypatch.setattr(VllmServer, "_ask", keeping)
    monkeypatch.setattr("seif.training.served.FLOAT32_BOUND", bound)
    with pytest.raises(RunError, match=r"after update 2: .* are nearer to those of an older adapter; ") as refused:
        run(tmp_path, pool, config)
    assert "\n" not in str(refused.value)


def test_weights_that_change_after_the_push_are_refused(pool, config, tmp_path, monkeypatch):
    save = ServedSampler.save

    def too_early(self, model, step, weights):
        adapter = save(self, model, step, weights)
        if step:
            with torch.no_grad():
                for name, weight in model.named_parameters():
                    if "lora_B" in name and weight.requires_grad:
                        weight.add_(0.01)
        return adapter

    monkeypatch.setattr(ServedSampler, "save", too_early)
    with pytest.raises(RunError, match="does not answer with the adapter that was pushed after update 2"):
        run(tmp_path, pool, config)
