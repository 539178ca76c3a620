from pathlib import Path

import pytest

from seif.config.changes import differing_keys
from seif.config_file import build_config, load_config
from seif.errors import UsageError
from support import NANO


def write(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle: x\n", "did you mean 'model'"),
        ("model: x\nfollower: {grpo: {lerning_rate: 1.0}}\n", "did you mean 'follower.grpo.learning_rate'"),
        ("model: x\nturns: three\n", "turns"),
        ("model: x\nturns: 0\n", "turns"),
        ("turns: 3\n", "'model' is missing"),
        ("- a\n", "key: value"),
        ("model: [\n", "not valid YAML"),
        ("model: x\nconstraint_types: a.py\n", "'constraint_types' is no longer a key; write `plugins: [a.py]`"),
        ("model: x\nconstraint_types: [a.py, b.py]\n", "no longer a key; write `plugins: [a.py, b.py]`"),
        ("model: x\njudger: {model: rules}\n", "no model that `hybrid` can ask"),
        ("model: x\njudger: {checkpoint: other}\n", "set weights: base"),
        ("model: x\nprompts: compact\n", "compact"),
        ("model: x\nlora: {rr: 8}\n", "did you mean 'lora.r'"),
        ("model: x\nlora: {r: 0}\n", "lora.r: "),
        ("model: x\nlora: {dropout: 1.0}\n", "lora.dropout: "),
        ("model: x\nlora: 8\n", "lora: "),
        (
            "model: x\nlora: {target_modules: [all-linear, q_proj]}\n",
            "lora: target_modules are either all-linear or names",
        ),
        ("model: x\nfollower: {grpo: {prompts_per_step: 7, updates_per_step: 4}}\n", "multiple"),
    ],
)
def test_mistakes_are_one_line_with_the_fix(tmp_path, text, message):
    with pytest.raises(UsageError) as error:
        load_config(write(tmp_path, text))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_is_told(tmp_path):
    with pytest.raises(UsageError, match="no config at"):
        load_config(tmp_path / "nothing.yaml")


@pytest.mark.parametrize(("given", "meant"), [("nnao", "nano"), ("nano_tiny", "nano-tiny"), ("my/nanoo.yaml", "nano")])
def test_a_misspelt_shipped_name_names_the_nearest(given, meant):
    with pytest.raises(UsageError, match=f"no config at {given}; did you mean '{meant}'\\?"):
        load_config(Path(given))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("turns=zero", "--set turns=zero: turns: "),
        ("judger.knd=rules", "--set judger.knd=rules: unknown key 'judger.knd'; did you mean 'judger.kind'?"),
        ("lora={rr: 8}", "--set lora={rr: 8}: unknown key 'lora.rr'; did you mean 'lora.r'?"),
        ("follower.grpo.prompts_per_step=7", "nano with --set follower.grpo.prompts_per_step=7: follower.grpo: "),
    ],
)
def test_an_override_that_is_wrong_is_named_and_not_the_file(override, message):
    with pytest.raises(UsageError) as error:
        load_config(Path("nano"), ["follower.grpo.updates_per_step=4", override])
    assert str(error.value).startswith(message)
    assert "nano.yaml" not in str(error.value)


def test_a_mistake_of_the_file_is_not_blamed_on_an_override(tmp_path):
    path = write(tmp_path, "model: x\nturns: 0\n")
    with pytest.raises(UsageError) as error:
        load_config(path, ["seed=3"])
    assert str(error.value).startswith(f"{path}: turns: ")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("modle: x\n", "unknown key 'modle'; did you mean 'model'?"),
        (
            "model: x\nevaluation: {suites: [{nme: ifeval}]}\n",
            "unknown key 'evaluation.suites.0.nme'; did you mean 'evaluation.suites.0.name'?",
        ),
        (
            "model: x\ninstructor: {templates: [{promt: hard, constraints: 3}]}\n",
            "unknown key 'instructor.templates.0.promt'; did you mean 'instructor.templates.0.prompt'?",
        ),
    ],
)
def test_one_misspelling_is_one_complaint(tmp_path, text, fix):
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as error:
        load_config(path)
    assert str(error.value) == f"{path}: {fix}"


def test_shipped_data_is_found_from_anywhere(tmp_path):
    config = load_config(
        write(tmp_path, "model: nano:model\nbenchmark_prompts: [nano:data/seeds.parquet, mine.jsonl]\n"),
        ["self_supervised.general.train=nano:data/sums.parquet"],
    )
    assert config.model == str(NANO / "model")
    assert config.benchmark_prompts == (str(NANO / "data" / "seeds.parquet"), "mine.jsonl")
    assert config.self_supervised.general.train == str(NANO / "data" / "sums.parquet")
    assert build_config({"model": "nano:model"}, "options").model == str(NANO / "model")


def test_overrides_and_paths_beside_the_config(tmp_path):
    (tmp_path / "seeds.jsonl").write_text('{"prompt": "a"}\n')
    config = load_config(write(tmp_path, "model: org/name\nseeds: seeds.jsonl\n"), ["follower.grpo.kl=0.5", "turns=2"])
    assert config.seeds == str(tmp_path / "seeds.jsonl")
    assert config.model == "org/name"
    assert (config.follower.grpo.kl, config.turns) == (0.5, 2)


def test_numbers_as_people_write_them_and_sections_of_their_own(tmp_path):
    config = load_config(
        write(tmp_path, "model: x\ninstructor: {grpo: &g {learning_rate: 2e-4}}\nfollower: {grpo: *g}\n"),
        ["follower.grpo.kl=5e-1"],
    )
    assert config.instructor.grpo.learning_rate == 2e-4
    assert (config.follower.grpo.kl, config.instructor.grpo.kl) == (0.5, 0.01)


def test_an_optional_section_is_there_when_one_of_its_keys_is(tmp_path):
    path = write(tmp_path, "model: x\nlora:\n")
    assert load_config(path).lora is None
    lora = load_config(path, ["lora.r=8", "lora.target_modules=q_proj"]).lora
    assert (lora.r, lora.alpha, lora.dropout, lora.target_modules) == (8, 32, 0.0, ("q_proj",))
    whole, adapters = load_config(path), load_config(path, ["lora={}"])
    assert "lora.r" in differing_keys(whole, adapters)
    assert build_config(adapters.model_dump(mode="json"), "again") == adapters


@pytest.mark.parametrize("override", ["turns", "turns.deeper=1", "nothing=1"])
def test_bad_overrides(tmp_path, override):
    with pytest.raises(UsageError):
        load_config(write(tmp_path, "model: x\nturns: 3\n"), [override])
