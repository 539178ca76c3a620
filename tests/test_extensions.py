"""Parts that a config names: from plugins, and checked before anything runs."""

import asyncio

import pytest

from seif.config_file import build_config, load_config
from seif.constraints.compiler import compile_text
from seif.engines.base import NoEngine
from seif.errors import UsageError
from seif.extensions import load_extensions
from seif.judges import options_of
from seif.models import ModelPool, judging
from seif.plugins import unload_plugin
from seif.rewards import FOLLOWER_REWARDS, INSTRUCTOR_REWARDS
from seif.scoring import FollowerScorer, InstructorScorer, Writing
from seif.types import Constraint, Instruction, Verdict


@pytest.fixture
def example(root):
    """Config keys -> config with the plugins of examples/ that it names, taken out again afterwards."""
    files = []

    def configure(name, **sections):
        files.append(str(root / "examples" / name))
        return load_extensions(build_config({"model": "x", "plugins": files, **sections}, "test"))

    yield configure
    for file in files:
        unload_plugin(file)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"instructor": {"reward": "learnabillity"}},
            "instructor.reward: no Instructor reward 'learnabillity'; did you mean 'learnability'?",
        ),
        (
            {"follower": {"reward": "all_or_noting"}},
            "follower.reward: no Follower reward 'all_or_noting'; did you mean 'all_or_nothing'?",
        ),
        ({"judger": {"kind": "ruls"}}, "judger.kind: no judge 'ruls'; did you mean 'rules'?"),
        (
            {"judger": {"kind": "hybrid", "model": "logprobs"}},
            "judger.model: no judge 'logprobs'; did you mean 'logprob'?",
        ),
        (
            {"judger": {"options": {"a": 1}}},
            "judger.options.a: Extra inputs are not permitted; judge 'generative' takes no options",
        ),
        ({"plugins": ["/nowhere.py"]}, "plugin /nowhere.py: No such file"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(sections, message):
    with pytest.raises(UsageError) as error:
        load_extensions(build_config({"model": "x", **sections}, "test"))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_plugins_lie_beside_the_config(tmp_path):
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "package").mkdir()
    (tmp_path / "config.yaml").write_text("model: x\nplugins: [mine.py, package]\n")
    assert load_config(tmp_path / "config.yaml").plugins == (str(tmp_path / "mine.py"), "package")


def test_the_example_of_an_instructor_reward(example):
    config = example("instructor_reward.py", instructor={"reward": "mixed_outcomes"}, judger={"kind": "rules"})
    mixed_outcomes = INSTRUCTOR_REWARDS.get(config.instructor.reward)
    assert [mixed_outcomes(a) for a in ([1.0, 0.5], [1.0, 1.0], [0.5, None], [None])] == [1.0, 0.0, 0.0, None]

    class Answerer:
        async def answer(self, instruction, *place):
            return ("it is old." if place[-1] else "It is old."), ""

    class Accepting:
        async def check(self, instruction):
            from seif.roles.filter import Decision

            return Decision(Verdict.SATISFIED)

    with ModelPool(config) as pool, judging(pool, config.model) as judge:
        settings = config.instructor.model_copy(update={"answers": 2})
        scorer = InstructorScorer(Accepting(), Answerer(), judge, settings)
        writings = [Writing("Why?", 1, text, True) for text in ("1. Use only lowercase.", "1. Avoid commas.")]
        assert [s.reward for s in asyncio.run(scorer.score_batch(writings, 1))] == [1.0, 0.0]


def test_the_example_of_a_follower_reward(example):
    config = example(
        "follower_reward.py", follower={"reward": "later_counts_more", "format": "plain"}, judger={"kind": "rules"}
    )
    task = Instruction("Why?", (compile_text("Avoid commas."), compile_text("Use only lowercase.")))
    with ModelPool(config) as pool, judging(pool, config.model) as judge:
        scorer = FollowerScorer(judge, config.follower.format, config.follower.reward)
        rewards = [
            asyncio.run(scorer.score(task, reply, True)).reward for reply in ("It is old.", "it is, yes.", "it is.")
        ]
        assert rewards == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]
        assert pool.loaded == {}
    assert FOLLOWER_REWARDS.get("later_counts_more")([Verdict.UNJUDGED], [None]) is None


def test_the_example_of_a_judge(example):
    config = example("judge.py", judger={"kind": "quoted_words", "options": {"case_sensitive": True}})
    task = Instruction("Why?", (Constraint('Mention the "Owl".'), Constraint("Be kind.")))
    with ModelPool(config) as pool, judging(pool, "/nowhere") as judge:
        verdicts = [
            asyncio.run(judge.judge(task, reply, task.constraints[0])).verdict for reply in ("The Owl.", "The owl.")
        ]
        assert verdicts == [Verdict.SATISFIED, Verdict.VIOLATED]
        assert asyncio.run(judge.judge(task, "The Owl.", task.constraints[1])).cause == "no quoted word"
        assert pool.loaded == {}
    wrong = build_config({"model": "x", "judger": {"kind": "quoted_words", "options": {"cases": True}}}, "test")
    with pytest.raises(UsageError, match=r"judger.options.cases: .*judge 'quoted_words' takes case_sensitive"):
        options_of(wrong)


def test_no_engine_answers_with_an_error():
    assert asyncio.run(NoEngine().complete(None)).error == "no model is loaded"
