import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from seif.config import Grpo, Lora
from seif.engines.local import LocalEngine
from seif.engines.precision import choose
from seif.errors import RunError, UsageError
from seif.training.grpo import train
from seif.training.job import GrpoJob
from seif.training.rollouts import RewardBatch
from support import Kill, RecordingLog

SETTINGS = Grpo(
    learning_rate=2e-4, prompts_per_step=4, samples=3, updates_per_step=2, micro_batch=6, kl=0.05,
    max_prompt_tokens=64, max_new_tokens=12, gradient_checkpointing=False,
)  # fmt: skip
LORA = Lora(r=4, alpha=8, dropout=0.1)
PROMPTS = [
    [{"role": "user", "content": f"Tell me about the {t}.\nAvoid commas."}]
    for t in ("river", "cat", "train", "clock", "library", "owl")
]


async def short_is_good(samples, step):
    rewards = [1 / (1 + len(s.text)) if s.finished or i % 3 else None for i, s in enumerate(samples)]
    return RewardBatch(
        rewards,
        {"length": sum(len(s.text) for s in samples) / len(samples)},
        [{"text": s.text} for s in samples[:1]],
        # More than float32 holds exactly.
        spent={
            "tokens": {"judger": (1 << 24) + step, "follower": sum(s.prompt_tokens + s.new_tokens for s in samples)},
            "calls": {"judger": 7},
        },
    )


def run(folder, model, steps=3, kill_at=None, reward=short_is_good, settings=SETTINGS, prompts=PROMPTS, lora=None):
    """Train; returns what a run directory's metrics would hold, steps before a kill included."""
    path, log = folder / "log.json", RecordingLog(kill_at)
    files = {"work": folder / "work", "out": folder / "out"}
    job = GrpoJob(
        model=str(model),
        prompts=prompts,
        steps=steps,
        settings=settings,
        seed=11,
        lora=lora,
        dtype=choose("auto").dtype,
        **files,
    )

    try:
        train(job, reward, log)
    finally:
        kept = [r for r in json.loads(path.read_text()) if r["step"] <= (log.resumed_at or 0)] if path.exists() else []
        lines = [
            *kept,
            *({"step": step, **metrics, "text": records[0]["text"]} for step, metrics, records in log.steps),
        ]
        folder.mkdir(exist_ok=True)
        path.write_text(json.dumps(lines))
    return lines


def weights(folder):
    (file,) = folder.glob("*.safetensors")
    return load_file(file)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["all weights", "a fresh adapter", "an adapter that is continued"])
def test_a_killed_stage_resumes_bit_for_bit(tmp_path, model, adapter, kind):
    start, lora = {
        "all weights": (model, None),
        "a fresh adapter": (model, LORA),
        "an adapter that is continued": (adapter, LORA),
    }[kind]
    whole = run(tmp_path / "whole", start, lora=lora)
    assert [r["step"] for r in whole] == [1, 2, 3]
    assert [r["tokens/judger"] for r in whole] == [(1 << 24) + step for step in (1, 2, 3)]
    assert [r["calls/judger"] for r in whole] == [7, 7, 7]
    # TRL counts the same since the beginning of the stage.
    assert sum(r["tokens/follower"] for r in whole) == whole[-1]["num_tokens"]
    with pytest.raises(Kill):
        run(tmp_path / "cut", start, kill_at=2, lora=lora)
    newest = max((tmp_path / "cut" / "work").glob("checkpoint-*"))
    torn = newest.with_name("checkpoint-99")
    shutil.copytree(newest, torn)
    (torn / "complete").unlink()
    resumed = run(tmp_path / "cut", start, lora=lora)
    assert resumed == whole
    a, b = weights(tmp_path / "whole" / "out"), weights(tmp_path / "cut" / "out")
    assert a.keys() == b.keys()
    assert all((a[k] == b[k]).all() for k in a)
    before = weights(adapter if lora else model)
    assert any((a[k].to(before[k].dtype) != before[k]).any() for k in before)
    assert not (tmp_path / "cut" / "work").exists()


@pytest.mark.slow
def test_an_adapter_goes_on_from_where_it_is(tmp_path, model, adapter):
    """Its first rollouts are those of the merged weights, and the KL penalty counts from it and not from the base."""
    engine = LocalEngine.load(adapter, dtype="float32")
    for part in (engine.model, engine.tokenizer):
        part.save_pretrained(tmp_path / "merged")
    settings = SETTINGS.model_copy(update={"updates_per_step": 1})
    tuned = run(tmp_path / "lora", adapter, settings=settings, lora=Lora(r=4, alpha=8))
    full = run(tmp_path / "full", tmp_path / "merged", settings=settings, steps=1)
    assert (tuned[0]["text"], tuned[0]["reward"], tuned[0]["kl"]) == (full[0]["text"], full[0]["reward"], 0.0)
    assert tuned[2]["kl"] > 0
    out = tmp_path / "lora" / "out"
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == str(model)
    assert weights(out).keys() == weights(adapter).keys()
    assert not (out / "model.safetensors").exists()


@pytest.mark.slow
def test_an_adapter_learns_on_a_base_in_half_precision(tmp_path, adapter):
    """Also with activations recomputed, and without a penalty, for which TRL makes no copy of the adapter."""
    settings = SETTINGS.model_copy(update={"gradient_checkpointing": True, "dtype": "bfloat16", "kl": 0.0})
    (step,) = run(tmp_path, adapter, steps=1, settings=settings, lora=LORA)
    assert step["grad_norm"] > 0
    before, after = weights(adapter), weights(tmp_path / "out")
    assert {weight.dtype for weight in after.values()} == {torch.float32}
    assert all((before[name] != after[name]).any() for name in before)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_with_one_line(tmp_path, model):
    with pytest.raises(RunError, match="learning rate"):
        run(
            tmp_path / "nan",
            model,
            steps=9,
            settings=SETTINGS.model_copy(update={"learning_rate": 1e30, "updates_per_step": 1}),
        )
    assert not (tmp_path / "nan" / "out").exists()


def test_prompts_that_do_not_fit_are_named(tmp_path, model):
    with pytest.raises(UsageError, match="prompt 7 has"):
        run(tmp_path / "long", model, prompts=[*PROMPTS, [{"role": "user", "content": "old " * 100}]])


def test_checkpoints_of_another_job_are_not_continued(tmp_path, model):
    with pytest.raises(Kill):
        run(tmp_path / "cut", model, kill_at=1)
    with pytest.raises(UsageError, match="another model, data or config"):
        run(tmp_path / "cut", model, prompts=PROMPTS[:5])
