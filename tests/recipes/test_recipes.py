"""Each recipe calls its stages in the order of its paper, with the judge of its paper."""

from pathlib import Path

import pytest

from seif.artifacts import RunDir
from seif.config import Config, Follower, Instructor, Template
from seif.config_file import load_config
from seif.distributed.job import Job, read_job, write_job
from seif.models import JudgeWeights
from seif.pipeline import Stage
from seif.recipes import self_evolving, self_supervised
from seif.recipes.turns import Turns as RealTurns


class Turns:
    """Notes which stages a recipe calls."""

    def __init__(self, train_instructors, probes):
        self.train_instructors, self.first_reward_model = train_instructors, train_instructors or probes
        self.called = []

    def __iter__(self):
        return iter((1, 2))

    def judge(self, turn):
        return f"follower {turn - 1}"

    def reward_model_judge(self, turn, trained):
        return f"reward model {trained}"

    def __getattr__(self, stage):
        return lambda turn, *judge: self.called.append((stage, turn, *judge))


def called(recipe, train_instructors=True, probes=False):
    turns = Turns(train_instructors, probes)
    recipe.run(turns)
    return turns.called


def test_self_evolving_judges_with_the_follower_of_the_turn_before():
    assert called(self_evolving) == [
        ("generate", 0, "follower 0"),
        ("audit", 0, "follower 0"),
        ("evaluate", 0, "follower 0"),
        ("train_instructor", 1, "follower 0"),
        ("generate", 1, "follower 0"),
        ("train_follower", 1, "follower 0"),
        ("audit", 1, "follower 0", "follower 1"),
        ("evaluate", 1, "follower 0"),
        ("train_instructor", 2, "follower 1"),
        ("generate", 2, "follower 1"),
        ("train_follower", 2, "follower 1"),
        ("audit", 2, "follower 1", "follower 2"),
        ("evaluate", 2, "follower 1"),
    ]


@pytest.mark.parametrize("recipe", [self_evolving, self_supervised])
def test_without_a_trained_instructor_the_base_writes(recipe):
    assert "train_instructor" not in {stage for stage, *_ in called(recipe, train_instructors=False)}


def test_self_supervised_trains_its_judge_before_the_follower():
    assert called(self_supervised, train_instructors=False)[:7] == [
        ("generate", 0, "follower 0"),
        ("audit", 0, "reward model 0"),
        ("evaluate", 0, "reward model 0"),
        ("generate", 1, "reward model 0"),
        ("pseudo_label", 1),
        ("train_reward_model", 1),
        ("train_follower", 1, "reward model 1"),
    ]
    assert called(self_supervised)[1:6] == [
        ("pseudo_label", 0),
        ("train_reward_model", 0),
        ("audit", 0, "reward model 0"),
        ("evaluate", 0, "reward model 0"),
        ("train_instructor", 1, "reward model 0"),
    ]


def test_a_given_checkpoint_judges_in_every_turn(tmp_path):
    def judges(*overrides):
        config = load_config(Path("nano"), ["model=base", *overrides])
        turns = RealTurns(config, RunDir(tmp_path), ["Why?"], None, None)
        turns.dir.reward_model(1).mkdir(parents=True, exist_ok=True)
        return [turns.judge(1).model, turns.judge(3).model, turns.reward_model_judge(3, trained=1).model]

    follower = str(RunDir(tmp_path).follower(2))
    assert judges("judger.weights=previous") == ["base", follower, follower]
    assert judges("judger.weights=base") == ["base"] * 3
    assert judges("judger.weights=base", "judger.checkpoint=other") == ["other"] * 3


def test_probes_need_a_reward_model_before_turn_1_has_trained_one():
    found = called(self_supervised, train_instructors=False, probes=True)
    assert found[1:6] == [
        ("pseudo_label", 0),
        ("train_reward_model", 0),
        ("audit", 0, "reward model 0"),
        ("evaluate", 0, "reward model 0"),
        ("generate", 1, "reward model 0"),
    ]


def test_what_earlier_turns_showed_is_an_input_of_the_stages_that_read_it(tmp_path):
    read = {}

    class Pipeline:
        def do(self, stage):
            read[stage.name] = set(stage.inputs)

    def inputs(instructor, follower):
        config = Config(model="m", instructor=Instructor(**instructor), follower=Follower(**follower))
        turns = RealTurns(config, run_dir, [], Pipeline(), None)
        for stage in (turns.train_instructor, turns.generate, turns.train_follower):
            stage(3, JudgeWeights("m"))
        return [read[name] for name in ("train_instructor", "generate", "train_follower")]

    run_dir = RunDir(tmp_path)
    pools, shown = ({paths(t) for t in (1, 2)} for paths in (run_dir.instructions, lambda t: run_dir.outcomes(t).path))
    own, last = {run_dir.instructions(3)}, {run_dir.outcomes(2).path}
    hard = {"templates": [Template(prompt="hard", constraints=3)]}
    assert inputs({}, {}) == [set(), set(), own]
    assert inputs({"allocation": "bandit", **hard}, {}) == [shown, shown, own]
    assert inputs({"probes": 2, "edits": 0.5}, {}) == [set(), last, own]
    assert inputs({}, {"replay": 0.25}) == [set(), set(), own | pools | shown]
    assert inputs({}, {"hindsight": True, "reward": "all_or_nothing"}) == [set(), set(), own | last]


def test_a_resume_looks_for_the_best_turn_once(tmp_path, monkeypatch):
    """The audits of turns 0 and 1 are there; `best` must not go back to what it was after turn 0."""
    run_dir, chosen = RunDir(tmp_path), []

    class Pipeline:
        def do(self, stage):
            stage.output.parent.mkdir(parents=True, exist_ok=True)
            stage.output.touch()

    turns = RealTurns(Config(model="m", audit="audit.parquet"), run_dir, [], Pipeline(), None)
    monkeypatch.setattr(turns, "_choose_best", chosen.append)
    for turn in (0, 1):
        Pipeline().do(Stage(turn, "audit", (), run_dir.audit(turn), None))
    for turn in (0, 1, 2):
        turns.audit(turn, JudgeWeights("m"))
    assert chosen == [1, 2]


@pytest.mark.parametrize(("penalty", "archived"), [(0.5, (1, 2)), (0.0, ())])
def test_an_instructor_gets_the_pools_of_the_turns_before(tmp_path, penalty, archived):
    config = Config(model="m", instructor=Instructor(archive_penalty=penalty))
    run_dir, trained, stages = RunDir(tmp_path), [], []

    class Pipeline:
        def do(self, stage):
            stages.append(stage)
            stage.run(None)

    turns = RealTurns(config, run_dir, [], Pipeline(), lambda training, log: trained.append(training))
    turns.train_instructor(3, JudgeWeights("m"))
    pools = tuple(run_dir.instructions(turn) for turn in archived)
    assert trained[0].pools == stages[0].inputs == pools
    write_job(tmp_path / "job.json", Job(config, trained[0]))
    assert read_job(tmp_path / "job.json").training == trained[0]
