import json
import shutil
import sys

import pytest

from seif.config import Lora
from seif.engines.local import LocalEngine
from seif.errors import UsageError
from seif.training.lora import adapted, check_start, plain_weights

SAME = Lora(r=4, alpha=8)


def changed(adapter, folder, **settings):
    """A copy of an adapter that says something else of itself."""
    shutil.copytree(adapter, folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return str(folder)


def test_a_fresh_adapter_changes_nothing_and_the_base_stays_frozen(model):
    tuned, plain = adapted(str(model), SAME, seed=1, dtype="float32"), LocalEngine.load(model, "float32").model
    assert all((a == b).all() for a, b in zip(plain_weights(tuned), plain.parameters(), strict=True))
    trained = {name for name, weight in tuned.named_parameters() if weight.requires_grad}
    assert trained == {name for name, _ in tuned.named_parameters() if "lora_" in name}
    again, other = (adapted(str(model), SAME, seed=seed, dtype="float32") for seed in (1, 2))
    one, same, another = (dict(m.named_parameters()) for m in (tuned, again, other))
    assert all((one[name] == same[name]).all() for name in trained)
    assert any((one[name] != another[name]).any() for name in trained)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_sampled_weights_are_those_that_the_engine_loads(model, adapter, dtype):
    tuned, plain, base = (
        adapted(str(adapter), SAME, seed=1, dtype="float32"),
        LocalEngine.load(adapter, dtype).model,
        LocalEngine.load(model, dtype).model,
    )
    ours = [weight.to(plain.dtype) for weight in plain_weights(tuned)]
    assert all((a == b).all() for a, b in zip(ours, plain.parameters(), strict=True))
    moved = [name for (name, a), b in zip(base.named_parameters(), ours, strict=True) if (a != b).any()]
    assert sorted({name.split(".")[-2] for name in moved}) == [
        "down_proj",
        "gate_proj",
        "k_proj",
        "o_proj",
        "q_proj",
        "up_proj",
        "v_proj",
    ]
    assert len(moved) == 28


@pytest.mark.parametrize("targets", [["q_proj", "v_proj"], "self_attn.q_proj", "all-linear"])
def test_named_layers_alone_are_adapted(model, targets):
    lora = Lora(r=2, target_modules=targets)
    check_start(str(model), lora)
    tuned = adapted(str(model), lora, seed=0, dtype="float32")
    assert {name.split(".")[-1] for name in tuned.targeted_module_names} == {
        "self_attn.q_proj": {"q_proj"},
        "all-linear": {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
    }.get(str(targets), {"q_proj", "v_proj"})


@pytest.mark.parametrize("target", ["o_prj", "lm_head", "embed_tokens", "norm"])
def test_what_can_not_be_adapted_is_told_with_what_can(model, target):
    with pytest.raises(UsageError, match=f"'{target}' names no layer of .*; it has down_proj, gate_proj") as error:
        check_start(str(model), Lora(target_modules=["q_proj", target]))
    assert "\n" not in str(error.value)


def test_an_adapter_needs_the_settings_it_was_made_with(model, adapter, tmp_path):
    check_start(str(model), None)
    check_start(str(adapter), SAME)
    check_start(str(adapter), Lora(r=4, alpha=8, dropout=0.2))
    with pytest.raises(UsageError, match=r"no `lora` section to train it with; add lora: \{r: 4, alpha: 8\}"):
        check_start(str(adapter), None)
    with pytest.raises(UsageError, match="lora_alpha 8 and not 32, r 4 and not 16"):
        check_start(str(adapter), Lora())
    with pytest.raises(UsageError, match="target_modules"):
        check_start(str(adapter), Lora(r=4, alpha=8, target_modules=["q_proj"]))
    with pytest.raises(UsageError, match="use_rslora True and not False"):
        check_start(changed(adapter, tmp_path / "rslora", use_rslora=True), SAME)
    with pytest.raises(UsageError, match="of the kind IA3"):
        check_start(changed(adapter, tmp_path / "ia3", peft_type="IA3"), SAME)
    with pytest.raises(UsageError, match="no model directory at /nowhere"):
        check_start(changed(adapter, tmp_path / "gone", base_model_name_or_path="/nowhere"), SAME)


def test_without_peft_the_fix_is_told(model, adapter, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    check_start(str(model), None)
    for start in (model, adapter):
        with pytest.raises(UsageError, match=r"pip install 'seif\[lora\]'"):
            check_start(str(start), SAME)
    with pytest.raises(UsageError, match=r"pip install 'seif\[lora\]'"):
        LocalEngine.load(adapter)
