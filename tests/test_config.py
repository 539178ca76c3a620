import pytest

from seif.config import Config, build_config, differing_keys, load_config, section_of
from seif.errors import UsageError


def write(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_are_the_papers(tmp_path):
    config = load_config(write(tmp_path, "model: some/model\n"))
    grpo = config.follower.grpo
    assert (grpo.samples, grpo.prompts_per_step, grpo.updates_per_step, grpo.learning_rate, grpo.kl) == (5, 384, 4, 1e-6, 0.01)
    assert (grpo.clip_low, grpo.clip_high, grpo.max_prompt_tokens, grpo.max_new_tokens) == (0.2, 0.3, 2048, 8192)
    assert config.follower.epochs == (3, 1, 1)
    assert config.instructor.reward == "adversarial"


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
        ("model: x\ninstructor: {reward: kind}\n", "instructor.reward"),
        ("model: x\nprompts: compact\n", "compact"),
        ("model: x\nlora: {rr: 8}\n", "did you mean 'lora.r'"),
        ("model: x\nlora: {r: 0}\n", "lora.r: "),
        ("model: x\nlora: {dropout: 1.0}\n", "lora.dropout: "),
        ("model: x\nlora: 8\n", "lora: "),
        ("model: x\nlora: {target_modules: [all-linear, q_proj]}\n", "lora: target_modules are either all-linear or names"),
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


def test_overrides_and_paths_beside_the_config(tmp_path):
    (tmp_path / "seeds.jsonl").write_text('{"prompt": "a"}\n')
    config = load_config(write(tmp_path, "model: org/name\nseeds: seeds.jsonl\n"), ["follower.grpo.kl=0.5", "turns=2"])
    assert config.seeds == str(tmp_path / "seeds.jsonl")
    assert config.model == "org/name"
    assert (config.follower.grpo.kl, config.turns) == (0.5, 2)


def test_numbers_as_people_write_them_and_sections_of_their_own(tmp_path):
    config = load_config(write(tmp_path, "model: x\ninstructor: {grpo: &g {learning_rate: 2e-4}}\nfollower: {grpo: *g}\n"), ["follower.grpo.kl=5e-1"])
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


def test_differing_keys_are_named():
    a = build_config({"model": "x"}, "test")
    b = build_config({"model": "x", "turns": 2, "follower": {"grpo": {"kl": 0.1}}}, "test")
    assert differing_keys(a, b) == ["follower.grpo.kl", "turns"]
    assert differing_keys(a, a) == []


def test_every_shipped_config_loads(root):
    paths = sorted((root / "configs").glob("*.yaml"))
    assert len(paths) >= 3
    for path in paths:
        assert isinstance(load_config(path), Config)


def test_every_field_says_what_it_is():
    def walk(section):
        for name, field in section.model_fields.items():
            section_below = section_of(field.annotation)
            if section_below is not None:
                assert section_below.__doc__
                walk(section_below)
            else:
                assert field.description, f"{section.__name__}.{name}"

    walk(Config)
