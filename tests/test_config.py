from seif.config import Config, differing_keys, section_of
from seif.config_file import build_config


def test_defaults_are_the_papers():
    config = build_config({"model": "some/model"}, "test")
    grpo = config.follower.grpo
    assert (grpo.samples, grpo.prompts_per_step, grpo.updates_per_step, grpo.learning_rate, grpo.kl) == (
        5,
        384,
        4,
        1e-6,
        0.01,
    )
    assert (grpo.clip_low, grpo.clip_high, grpo.max_prompt_tokens, grpo.max_new_tokens) == (0.2, 0.3, 2048, 8192)
    assert config.follower.epochs == (3, 1, 1)
    assert config.instructor.reward == "adversarial"


def test_differing_keys_are_named():
    a = build_config({"model": "x"}, "test")
    b = build_config({"model": "x", "turns": 2, "follower": {"grpo": {"kl": 0.1}}}, "test")
    assert differing_keys(a, b) == ["follower.grpo.kl", "turns"]
    assert differing_keys(a, a) == []


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
