import asyncio
import json
import shutil
import subprocess
import sys

import pytest
import torch

from seif.engines.adapter import base_of, is_adapter, tokenizer_of
from seif.engines.base import Request
from seif.engines.cache import weights_of_checkpoint
from seif.engines.checkpoint import check_checkpoint
from seif.engines.local import LocalEngine
from seif.errors import UsageError


@pytest.fixture
def copy(adapter, tmp_path):
    """A function that copies the adapter with other settings."""

    def make(name="copy", **settings):
        folder = tmp_path / name
        shutil.copytree(adapter, folder)
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))
        return folder

    return make


def test_an_adapter_knows_its_base_and_a_model_is_its_own(model, adapter, copy):
    assert (is_adapter(adapter), is_adapter(model), is_adapter("org/name")) == (True, False, False)
    assert (base_of(adapter), base_of(model), base_of("org/name")) == (str(model), str(model), "org/name")
    assert tokenizer_of(adapter) == str(adapter)
    bare = copy()
    (bare / "tokenizer_config.json").unlink()
    assert tokenizer_of(bare) == str(model)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_model_name_or_path": None}, "does not name its base; set base_model_name_or_path"),
        ({"base_model_name_or_path": "/nowhere"}, "no model directory at /nowhere; correct base_model_name_or_path"),
        ({"peft_type": "IA3"}, "of the kind IA3"),
    ],
)
def test_a_base_that_can_not_be_used_is_one_line(copy, settings, message):
    folder = copy(**settings)
    for ask in (base_of, weights_of_checkpoint, LocalEngine.load, check_checkpoint):
        with pytest.raises(UsageError, match=message) as error:
            ask(str(folder))
        assert "\n" not in str(error.value)


def test_what_is_wrong_with_an_adapter_is_told_before_it_is_used(adapter, copy, root, tmp_path):
    check_checkpoint(str(adapter))
    with pytest.raises(UsageError, match="which is an adapter too"):
        check_checkpoint(str(copy("nested", base_model_name_or_path=str(adapter))))
    with pytest.raises(UsageError, match=r"docs \(the base of .*no_model\) is not a model directory"):
        check_checkpoint(str(copy("no_model", base_model_name_or_path=str(root / "docs"))))
    empty, broken, torn = copy("empty"), copy("broken"), copy("torn")
    (empty / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match="empty holds no weights"):
        check_checkpoint(str(empty))
    (broken / "adapter_model.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes()[:3000])
    with pytest.raises(UsageError, match="can't be loaded"):
        check_checkpoint(str(broken))
    (torn / "adapter_config.json").write_text('{"r": 4')
    with pytest.raises(UsageError, match="not valid JSON"):
        check_checkpoint(str(torn))


def test_a_merged_adapter_says_what_base_and_adapter_say_side_by_side(model, adapter):
    from peft import PeftModel

    merged, base = LocalEngine.load(adapter, dtype="float32"), LocalEngine.load(model, dtype="float32")
    messages = [{"role": "user", "content": "Tell me about the river.\nAvoid commas."}]
    ids = merged.tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    ).input_ids
    with torch.no_grad():
        ours, plain = merged.model(ids).logits, base.model(ids).logits
        theirs = PeftModel.from_pretrained(base.model, adapter).eval()(ids).logits
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert not torch.allclose(ours, plain, atol=1e-1)
    assert not any("lora" in name for name, _ in merged.model.named_parameters())
    answer = asyncio.run(merged.complete(Request(messages, 8)))
    assert answer.finish_reason in ("stop", "length")


def test_half_precision_holds_the_rounded_sum(model, adapter):
    exact, half = (LocalEngine.load(adapter, dtype=dtype).model for dtype in ("float32", "bfloat16"))
    assert {weight.dtype for weight in half.parameters()} == {torch.bfloat16}
    assert all((a.bfloat16() == b).all() for a, b in zip(exact.parameters(), half.parameters(), strict=True))
    # Positions stay as exact as in a model that is loaded without an adapter.
    plain = LocalEngine.load(model, dtype="bfloat16").model
    assert [b.dtype for b in half.buffers()] == [b.dtype for b in plain.buffers()]


def test_the_fingerprint_covers_adapter_and_base(model, adapter, copy, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(model, base)
    on_base = copy(base_model_name_or_path=str(base))
    before = weights_of_checkpoint(str(on_base))
    assert len({before, weights_of_checkpoint(str(base)), weights_of_checkpoint(str(copy("other", r=5)))}) == 3
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2] + b"\x01\x02")
    changed = weights_of_checkpoint(str(on_base))
    assert changed != before
    weights = on_base / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2] + b"\x01\x02")
    assert weights_of_checkpoint(str(on_base)) not in (before, changed)


@pytest.mark.slow
def test_reading_about_adapters_is_light():
    script = (
        "import sys, seif.engines.adapter, seif.engines.cache; assert "
        "not {'torch', 'peft', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
