"""`import seif`: the functions behind the commands."""

import inspect
import json
import runpy
import sys
from pathlib import Path

import pytest

import seif
from seif.configs import find
from seif.evaluation.results import Evaluation

SMALL = [
    "evaluation.tasks=12",
    "instructor.steps=1",
    "follower.steps=1",
    "follower.grpo.prompts_per_step=4",
    "instructor.grpo.prompts_per_step=4",
]


@pytest.fixture
def config(root):
    return seif.load_config("nano-tiny", SMALL)


def test_every_public_name_is_there():
    for name in seif.__all__:
        assert getattr(seif, name) is not None
        assert name in dir(seif)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = seif.nothing


def test_mistakes_are_raised_and_nothing_is_printed(root, tmp_path, capsys):
    with pytest.raises(seif.UsageError, match="did you mean 'learnability'"):
        seif.load_config(model="x", instructor={"reward": "learnabilty"})
    with pytest.raises(seif.UsageError, match="no seeds"):
        seif.run(seif.load_config(model="x"), tmp_path / "run")
    with pytest.raises(seif.SeifError, match="not a run directory"):
        seif.load_run(tmp_path)
    with pytest.raises(seif.UsageError, match="nothing to evaluate on"):
        seif.evaluate(seif.load_config(model="x"))
    with pytest.raises(seif.UsageError, match="give --model"):
        seif.judge(seif.load_config(model="x"), [])
    assert capsys.readouterr() == ("", "")


def test_a_name_or_a_path_stands_for_its_config(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(find(Path("nano-tiny")).read_text().replace("turns: 1", "turns: 2"), encoding="utf-8")
    assert seif.plan("nano-tiny") == seif.plan(seif.load_config("nano-tiny"))
    assert len(seif.plan(path).turns) == len(seif.plan(str(path)).turns) == 2


@pytest.mark.parametrize(
    "ask",
    [
        seif.plan,
        seif.evaluate,
        lambda config: seif.run(config, "run"),
        lambda config: seif.judge(config, []),
        lambda config: seif.generate(config, "pool.parquet"),
        lambda config: seif.train("follower", config, "pool.parquet", "model"),
    ],
)
def test_whatever_takes_a_config_reads_a_name_and_refuses_the_rest(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(seif.UsageError, match="no config at nnao; did you mean 'nano'"):
        ask("nnao")
    with pytest.raises(seif.UsageError, match="a config is a Config, a path or a shipped name, not dict"):
        ask({"model": "x"})


HARD = 'instructor.templates=[{"prompt": "hard", "constraints": 3}]'


@pytest.mark.parametrize(
    ("role", "overrides", "message"),
    [
        ("follower", ["judger.weights=anchored", "audit=nano:data/audit.parquet"], "give --set judger.weights=base"),
        ("follower", ["follower.replay=0.2"], "give --set follower.replay=0"),
        ("follower", ["follower.hindsight=true", "follower.reward=all_or_nothing"], "--set follower.hindsight=false"),
        ("instructor", ["instructor.archive_penalty=0.5"], "give --set instructor.archive_penalty=0"),
        ("instructor", ["instructor.allocation=bandit", HARD], "give --set instructor.allocation=even"),
    ],
)
def test_one_stage_refuses_what_reads_earlier_turns(role, overrides, message, tmp_path):
    config = seif.load_config("nano-tiny", overrides)
    with pytest.raises(seif.UsageError, match=message):
        seif.train(role, config, tmp_path / "pool.parquet", tmp_path / "model")


def test_probes_of_one_generation_need_a_given_classifier(tmp_path):
    config = seif.load_config("nano-self-supervised", ["instructor.probes=2"])
    with pytest.raises(seif.UsageError, match=r"name it with --set self_supervised\.reward_model\.checkpoint=DIR"):
        seif.generate(config, tmp_path / "pool.parquet")


class Checked(Exception):
    pass


def test_the_judges_checkpoint_is_checked_before_anything_starts(tmp_path, monkeypatch):
    def preflight(config, prompts, *others, **how):
        raise Checked(*others)

    monkeypatch.setattr("seif.api.preflight", preflight)
    config = seif.load_config("nano-tiny", ["judger.weights=base", "judger.checkpoint=org/judge"])
    pool = tmp_path / "pool.jsonl"
    pool.write_text(json.dumps({"seed_question": "Why?", "constraints": ["Be kind."]}) + "\n")
    for ask in (
        lambda: seif.run(config, tmp_path / "run"),
        lambda: seif.generate(config, tmp_path / "generated.parquet"),
        lambda: seif.train("follower", config, pool, tmp_path / "model"),
    ):
        with pytest.raises(Checked, match="org/judge"):
            ask()


def test_a_suite_is_refused_what_it_does_not_take(tmp_path):
    with pytest.raises(seif.UsageError, match=r"--limit goes with --suite .*, not with held-out"):
        seif.evaluate_suite("nano-tiny", "held-out", seif.SuiteOptions(limit=3))
    with pytest.raises(seif.UsageError, match="did you mean 'held-out'"):
        seif.evaluate_suite("nano-tiny", "heldout")
    with pytest.raises(seif.UsageError, match=f"{tmp_path}/none.parquet"):
        seif.evaluate_suite("nano-tiny", "held-out", seif.SuiteOptions(held_out=f"{tmp_path}/none.parquet"))


def test_help_shows_signatures_that_can_be_read():
    for name in ("plan", "run", "generate", "train", "evaluate", "judge"):
        assert " at 0x" not in str(inspect.signature(getattr(seif, name)))
    assert len(str(inspect.signature(seif.Config))) < 80


def test_overrides_need_no_file():
    assert seif.load_config(overrides=["follower.grpo.kl=0.5"], model="x").follower.grpo.kl == 0.5


def test_a_plan_is_typed(config):
    plan = seif.plan(config)
    assert [(turn.instructor_steps, turn.follower_steps) for turn in plan.turns] == [(1, 1)]
    assert plan.instructor_step["answer_calls"] == 20


def test_constraints_are_compiled_checked_and_compared():
    lower, upper, kind = seif.compile_constraints(["Use only lowercase.", "Use only uppercase.", "Be kind."])
    assert (lower.instruction_id, kind.instruction_id) == ("change_case:english_lowercase", "soft")
    assert seif.verify("it is old.", lower.instruction_id, lower.kwargs)
    assert not seif.verify("It is old.", lower.instruction_id)
    assert seif.find_conflicts([lower, kind]) is None
    assert seif.find_conflicts([lower, upper, kind]).sources == (lower, upper)


def test_rules_judge_without_any_model():
    task = seif.Instruction("Why?", tuple(seif.compile_constraints(["Use only lowercase.", "Be kind."])))
    rules = seif.load_config(model="none", judger={"kind": "rules"})
    ((first, second),) = seif.judge(rules, [seif.Response(task, "it is old.")])
    assert (first.verdict, second.cause) == (seif.Verdict.SATISFIED, "no rule")


def test_an_evaluation_without_held_out_tasks():
    found = Evaluation.from_json({"turn": 0, "held_out": {}, "judger": {}}, "evaluation.json")
    assert found == Evaluation(turn=0)
    assert found.greedy.constraint_accuracy is None


@pytest.mark.slow
def test_a_role_is_trained_and_evaluated(config, root, tmp_path):
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text(
        "".join(
            json.dumps({"prompt": f"Tell me about the {t}."}) + "\n"
            for t in ("river", "cat", "train", "clock", "owl", "lamp")
        )
    )
    config = config.model_copy(update={"seeds": str(seeds)})
    made = seif.generate(config, tmp_path / "pool.parquet")
    assert made.instructions >= 3
    out = seif.train("follower", config, made.path, tmp_path / "follower")
    found = seif.evaluate(config.model_copy(update={"model": str(out)}))
    assert found.greedy.n == 12
    assert 0 < found.greedy.constraint_accuracy < 1
    with pytest.raises(seif.UsageError, match="exists already"):
        seif.train("follower", config, made.path, out)


@pytest.mark.slow
def test_the_notebook(root, tmp_path, monkeypatch, capsys):
    """The example runs as it stands, and its run can be loaded and run again."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["notebook.py", str(tmp_path / "run")])
    runpy.run_path(str(root / "examples" / "notebook.py"))
    assert "SATISFIED" in capsys.readouterr().out
    run = seif.load_run(tmp_path / "run")
    assert (run.state, [e.turn for e in run.evaluations]) == ("finished", [0, 1])
    assert run.report.exists()
    assert run.follower(1).is_dir()
