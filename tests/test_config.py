import pytest

from seif.config import Config, section_of
from seif.config.changes import differing_keys
from seif.config_file import build_config
from seif.errors import UsageError


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


SERVED = {
    "model": "x",
    "engine": {"kind": "vllm"},
    "lora": {"r": 16},
    "follower": {"grpo": {"sampler": "served"}},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": {}}, "engine.kind: vllm; set that, or sampler: engine"),
        ({"lora": None}, "all weights are trained; add lora: {r: 16}"),
        ({"lora": {"dropout": 0.1}}, "which dropout makes random; set lora.dropout: 0"),
        ({"follower": {"grpo": {"colocate": {"sleep": True}}}}, "colocate goes with sampler: vllm"),
        ({"follower": {"grpo": {"sampler": "served", "loss": "vespo"}}}, "set importance_correction: token_truncate"),
    ],
)
def test_servers_that_can_not_sample_rollouts_are_refused_in_one_line(change, message):
    assert build_config(SERVED, "test").samples_on_servers
    with pytest.raises(UsageError, match=message) as refused:
        build_config(SERVED | change, "test")
    assert "\n" not in str(refused.value)


def test_a_role_that_is_not_trained_needs_no_sampler():
    idle = {"train": False, "grpo": {"sampler": "served"}}
    assert not build_config({"model": "x", "instructions": "i.jsonl", "instructor": idle}, "test").samples_on_servers


ANCHORED = {"judger": {"kind": "logprob", "weights": "anchored"}, "audit": "audit.parquet"}
HARD = {"templates": [{"prompt": "hard", "constraints": 3}]}
COMMA = "punctuation:no_comma"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**ANCHORED, "audit": None}, "give `audit` a file of tasks"),
        ({**ANCHORED, "judger": {"kind": "rules", "weights": "anchored"}}, "judger.kind: rules asks none"),
        ({**ANCHORED, "judger": {"kind": "classifier", "weights": "anchored"}}, "every turn trains another reward"),
        ({**ANCHORED, "follower": {"reward": "all_or_nothing"}}, "follower.reward: all_or_nothing takes none"),
        ({**ANCHORED, "follower": {"reward": "random"}}, "follower.reward: random takes none"),
        ({"follower": {"replay": 0.2}, "self_supervised": {"curriculum": "mixed"}}, "follower.replay brings"),
        (
            {
                "follower": {"hindsight": True, "reward": "all_or_nothing"},
                "self_supervised": {"curriculum": "in_order"},
            },
            "follower.hindsight brings instructions back whole",
        ),
        (
            {"instructor": {"probes": 1, "edits": 0.5}, "self_supervised": {"curriculum": "mixed"}},
            "instructor.edits brings instructions back whole",
        ),
        ({"instructor": {"allocation": "even"}}, "give hard templates alone"),
        (
            {"instructor": {**HARD, "allocation": "even", "types": [COMMA] * 3, "probes": 1}},
            "type_quota: 0.2 needs at least 5 types, and `types` names 3: raise it to 0.34",
        ),
        ({"instructor": {"attempts": 251}}, "attempts: must be at most 250, got 251"),
    ],
)
def test_mechanisms_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        build_config({"model": "x", **settings}, "test")


def test_mechanisms_that_go_together_are_not_refused():
    build_config({"model": "x", **ANCHORED}, "test")
    quota = {**HARD, "allocation": "even", "types": [COMMA] * 3, "probes": 1, "type_quota": 0.34}
    build_config({"model": "x", "instructor": quota}, "test")
    given = {"reward_model": {"checkpoint": "classifier"}}
    build_config(
        {
            "model": "x",
            **ANCHORED,
            "judger": {"kind": "classifier", "weights": "anchored"},
            "self_supervised": given,
        },
        "test",
    )
