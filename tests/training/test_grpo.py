import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from seif.config import Grpo, Lora
from seif.engines.local import LocalEngine
from seif.engines.precision import choose
from seif.errors import RunError, UsageError
from seif.training.grpo import Hooks, Job, Payment, data_order, train

SETTINGS = Grpo(
    learning_rate=2e-4, prompts_per_step=4, samples=3, updates_per_step=2, micro_batch=6, kl=0.05,
    max_prompt_tokens=64, max_new_tokens=12, gradient_checkpointing=False,
)  # fmt: skip
LORA = Lora(r=4, alpha=8, dropout=0.1)
PROMPTS = [[{"role": "user", "content": f"Tell me about the {t}.\nAvoid commas."}] for t in ("river", "cat", "train", "clock", "library", "owl")]


class Kill(BaseException):
    """Stands for kill -9 in this process: nothing may catch it."""


async def short_is_good(samples, step):
    rewards = [1 / (1 + len(s.text)) if s.finished or i % 3 else None for i, s in enumerate(samples)]
    return Payment(rewards, {"length": sum(len(s.text) for s in samples) / len(samples)}, [{"text": s.text} for s in samples[:1]])


def run(folder, model, steps=3, kill_at=None, reward=short_is_good, settings=SETTINGS, prompts=PROMPTS, lora=None):
    """Train; the log keeps what a resumed stage would keep."""
    log = []

    def on_step(step, metrics, records):
        log.append({"step": step, **metrics, "text": records[0]["text"]})
        if step == kill_at:
            raise Kill

    def resumed(step):
        path = folder / "log.json"
        if path.exists():
            log.extend(r for r in json.loads(path.read_text()) if r["step"] <= step)

    def save(model, tokenizer):
        model.save_pretrained(folder / "out")
        tokenizer.save_pretrained(folder / "out")

    job = Job(str(model), prompts, steps, settings, 11, folder / "work", folder / "out", lora=lora, dtype=choose("auto").dtype)
    try:
        train(job, reward, Hooks(resumed, on_step), save)
    finally:
        folder.mkdir(exist_ok=True)
        (folder / "log.json").write_text(json.dumps(log))
    return log


def weights(folder):
    (file,) = folder.glob("*.safetensors")
    return load_file(file)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["all weights", "a fresh adapter", "an adapter that is continued"])
def test_a_killed_stage_resumes_bit_for_bit(tmp_path, model, adapter, kind):
    start, lora = {"all weights": (model, None), "a fresh adapter": (model, LORA), "an adapter that is continued": (adapter, LORA)}[kind]
    whole = run(tmp_path / "whole", start, lora=lora)
    assert [r["step"] for r in whole] == [1, 2, 3]
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
        run(tmp_path / "nan", model, steps=9, settings=SETTINGS.model_copy(update={"learning_rate": 1e30, "updates_per_step": 1}))
    assert not (tmp_path / "nan" / "out").exists()


def test_prompts_that_do_not_fit_are_named(tmp_path, model):
    with pytest.raises(UsageError, match="prompt 7 has"):
        run(tmp_path / "long", model, prompts=[*PROMPTS, [{"role": "user", "content": "old " * 100}]])


def test_checkpoints_of_another_job_are_not_continued(tmp_path, model):
    with pytest.raises(Kill):
        run(tmp_path / "cut", model, kill_at=1)
    with pytest.raises(UsageError, match="another model, data or config"):
        run(tmp_path / "cut", model, prompts=PROMPTS[:5])


def test_the_data_order_is_whole_epochs_and_fills_small_sets():
    order = data_order(6, 4, 3, seed=1)
    assert len(order) == 12
    assert all(len(set(order[i : i + 4])) == 4 for i in (0, 4, 8))
    assert order == data_order(6, 4, 3, seed=1) != data_order(6, 4, 3, seed=2)
    assert sorted(data_order(2, 4, 1, seed=1)) == [0, 0, 1, 1]
