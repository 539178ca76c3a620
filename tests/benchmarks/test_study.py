"""The study without its runs: what its arms are, and how made-up numbers are compared, tabulated and drawn."""

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks.arms import WORLDS
from benchmarks.comparison import summarise
from benchmarks.picture import draw
from benchmarks.results_table import EVOLUTION, SELF_SUPERVISED, arms_table, criteria, labels_table, pairs_table
from benchmarks.runs import Arm, Finished, Study, finish

from benchmarks import arms, evolution, runs, self_supervised
from seif.artifacts import RunDir
from seif.config_file import load_config
from seif.evaluation.results import Accuracy

STUDIES = {**WORLDS, "self_supervised": self_supervised.STUDY}


class Run:
    """Stands for a run directory."""

    def __init__(self, arm, seed, turns=2):
        self.arm, self.seed, self.turns = arm, seed, turns

    def config(self):
        return self


LIFT = {"static": 0.0, "static_plus": 0.02, "default": 0.05, "even": 0.06}
SPENDING = {"static": 100, "static_plus": 200, "default": 200, "even": 100}
MADE_UP = Study(
    Path("nano.yaml"),
    {arm: Arm(confirmatory=arm != "even") for arm in LIFT},
    "static",
    also=(("default", "static_plus"),),
)


def made_up(run, turn):
    noise = 0.01 * ((run.seed * 7 + len(run.arm) * turn) % 3)
    return {
        "sampled_constraint_accuracy": 0.4 + 0.1 * turn + (LIFT[run.arm] + noise if turn else 0),
        "greedy_constraint_accuracy": 0.7,
        "top_type_share": 0.3 if run.arm == "static" else 0.2,
        "judger_minus_verifier": 0.01 * turn,
        "tokens": SPENDING[run.arm] * turn,
    }


@pytest.fixture(scope="module")
def told():
    found = {
        arm: {seed: Run(arm, seed) for seed in MADE_UP.seeds(arm, 10) if (arm, seed) != ("static_plus", 3)}
        for arm in LIFT
    }
    summary = summarise(MADE_UP, Finished(found, ("static_plus-3",)), made_up, "sampled_constraint_accuracy")
    return json.loads(json.dumps(summary))


@pytest.mark.parametrize("world", STUDIES)
def test_every_arm_is_a_config_that_loads(world):
    study = STUDIES[world]
    for name, arm in study.arms.items():
        overrides = [f"{key}={value}" for key, value in {**study.common, **arm.settings}.items()]
        config = load_config(study.config, overrides)
        assert config.instructor.train or name not in ("learnability", "paper", "evolving"), name


def test_every_arm_of_w1_but_the_default_is_another_one():
    known = {}
    for name, arm in arms.W1.arms.items():
        config = load_config(arms.W1.config, [f"{k}={v}" for k, v in {**arms.COMMON, **arm.settings}.items()])
        if not arm.settings_from and not name.endswith("_judge"):
            known.setdefault(config.model_dump_json(), []).append(name)
    assert [names for names in known.values() if len(names) > 1 and "default" not in names] == []


def test_the_static_arms_have_no_mechanism():
    for world in WORLDS.values():
        config = load_config(world.config, [f"{k}={v}" for k, v in world.arms["static"].settings.items()])
        settings = config.instructor
        assert not settings.train
        assert (settings.candidates, settings.probes, settings.edits, config.follower.replay) == (1, 0, 0, 0)


def test_another_world_takes_over_the_default_mechanism():
    taken = [f"{key}={value}" for key, value in arms.mechanism("nano").items()]
    ours, theirs = load_config(Path("nano")), load_config(Path("nano-all-or-nothing"), taken)
    of_the_world = {"templates", "seeds_per_turn"}
    assert ours.instructor.model_dump(exclude=of_the_world) == theirs.instructor.model_dump(exclude=of_the_world)
    assert theirs.follower.reward == "all_or_nothing"


def test_more_steps_spend_the_tokens_of_the_default(monkeypatch, tmp_path):
    class Counted(Run):
        def config(self):
            return load_config(Path("nano"), ["follower.steps=10"])

    counted = {"default": [{"follower": 100, "instructor": 50}, {"follower": 101}], "static": [{"follower": 50}] * 2}
    monkeypatch.setattr(arms, "tokens_by_turn", lambda run: counted[run.arm])
    more = arms.more_steps(Counted, 0)
    assert more == {"follower.steps": "26", "instructor.seeds_per_turn": "384"}
    counted["default"] = [{}, {}]
    assert arms.more_steps(Counted, 0)["follower.steps"] == "10"


def test_arms_bring_those_that_they_need():
    assert arms.W1.with_needed(["static_plus"]) == ["static", "default", "static_plus"]
    assert [len(arms.W1.seeds(arm, 10)) for arm in ("static", "gate")] == [10, 5]


def test_what_needs_a_failed_run_is_left_out_and_the_others_go_on(tmp_path, monkeypatch):
    study = Study(
        Path("nano.yaml"),
        {
            "static": Arm(),
            "broken": Arm({"follower.steps": "3"}),
            "after": Arm(
                needs=("static",), settings_from=lambda found, seed: {"turns": found("static", seed).root.name}
            ),
            "never": Arm(needs=("broken",), settings_from=lambda found, seed: {"turns": str(found("broken", seed))}),
        },
        "static",
        {"follower.steps": "2"},
    )
    done = []
    monkeypatch.setattr(
        runs, "run", lambda config, settings, folder: done.append(settings) or "broken" not in folder.name
    )
    found = finish(study, ["after", "never"], 2, tmp_path, 2, {"rollouts": "0"})
    assert found.failed == ("broken-0", "broken-1", "never-0", "never-1")
    assert found.runs["after"] == {seed: found.runs["after"][seed] for seed in (0, 1)}
    assert {"follower.steps": "2", "rollouts": "0", "turns": "static-1", "seed": "1"} in done
    assert sum(settings["follower.steps"] == "3" for settings in done) == 2


def test_a_run_has_one_thread_and_a_log(tmp_path, monkeypatch, capsys):
    def process(command, *, env, stdout, **options):
        assert (env["OMP_NUM_THREADS"], command[-2:]) == ("1", ["--set", "turns=1"])
        stdout.write("seif: a mistake")
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(runs.subprocess, "run", process)
    assert not runs.run(Path("nano"), {"turns": "1"}, tmp_path / "arm-0")
    assert (tmp_path / "arm-0.log").read_text() == "seif: a mistake"
    assert "arm-0: failed with exit code 2" in capsys.readouterr().err


def test_differences_are_paired_over_the_seeds_that_both_arms_have(told):
    found = told["minus_static"]["default"]["sampled_constraint_accuracy"]
    assert len(found["values"]) == 10
    assert found["low"] <= found["mean"] <= found["high"]
    assert found["p"] == pytest.approx(2 / 1024, abs=1e-4)
    assert len(told["minus_static_plus"]["default"]["sampled_constraint_accuracy"]["values"]) == 9
    assert told["failed"] == ["static_plus-3"]


def test_holm_is_over_the_tested_arms(told):
    against = told["minus_static"]
    family = [against[arm]["sampled_constraint_accuracy"] for arm in ("default", "static_plus")]
    assert max(cell["p_holm"] for cell in family) >= max(cell["p"] for cell in family)
    assert min(cell["p_holm"] for cell in family) == pytest.approx(2 * min(cell["p"] for cell in family), abs=1e-4)
    assert against["even"]["sampled_constraint_accuracy"]["p_holm"] is None


def test_areas_end_at_the_smaller_spending(told):
    # At 200 tokens static is at turn 2, default at turn 1: lower, for all that it gains.
    assert told["minus_static"]["default"]["area"]["mean"] < 0 < told["minus_static"]["even"]["area"]["mean"]
    assert told["minus_static"]["default"]["tokens_ratio"]["mean"] == 2


def test_tables_and_criteria(told):
    table = arms_table(told, EVOLUTION)
    assert table.count("\n") == 2 + 5 + 1
    assert "| arm | seeds | temperature 1 | minus static | p (Holm) |" in table
    assert "| default | 10 |" in table
    assert "default minus static plus" in pairs_table(told)
    assert [c.met for c in criteria(told)] == [True, True, True, True]
    worse = {**told, "arms": {**told["arms"], "default": told["arms"]["static"]}}
    assert [c.met for c in criteria(worse)] == [True, True, False, True]


def test_a_summary_without_runs_has_empty_tables():
    nothing = summarise(MADE_UP, Finished({}), made_up, "sampled_constraint_accuracy")
    assert arms_table(nothing, EVOLUTION).count("\n") == 4
    assert (pairs_table(nothing), labels_table(nothing), criteria(nothing)) == ("", "", [])


def test_the_picture_is_whole_and_has_a_dark_side(told):
    drawing = draw(told)
    root = ElementTree.fromstring(drawing)
    assert {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")} >= {"evolving", "static", "base", "2"}
    assert "prefers-color-scheme: dark" in drawing
    assert drawing.count('class="error"') == 2 * 2


def test_rare_types_are_weighted_by_their_constraints():
    found = Accuracy(per_type={"a": 0.5, "b": 1.0, "c": 0.0}, per_type_n={"a": 30, "b": 10, "c": 5})
    assert evolution.mean_of_types(found, {"a", "b", "d"}) == pytest.approx(25 / 40)
    assert evolution.mean_of_types(found, {"d"}) is None


def test_labels_are_told_type_by_type():
    def numbers(run, turn):
        return {
            "greedy_constraint_accuracy": 0.5,
            **({"label_accuracy": 0.9, "label_accuracy/startend:quotation": 0.8} if turn else {}),
        }

    study = Study(Path("x.yaml"), {"full": Arm(), "noise_10": Arm()}, "full")
    found = Finished({arm: {0: Run(arm, 0)} for arm in study.arms})
    summary = json.loads(json.dumps(summarise(study, found, numbers, "greedy_constraint_accuracy")))
    assert labels_table(summary) == (
        "| type | full | noise 10 |\n| --- | --- | --- |\n| startend:quotation | 80.0 | 80.0 |\n\n"
    )
    assert "| noise 10 | 1 | 50.0 | +0.0 [+0.0, +0.0] |" in arms_table(summary, SELF_SUPERVISED)


@pytest.mark.slow
def test_a_study_of_one_short_run(tmp_path):
    study = Study(Path("nano-tiny"), {"static": Arm({"instructor.train": "false"})}, "static")
    short = {"follower.steps": "1", "evaluation.tasks": "20", "seeds": str(tmp_path / "seeds.jsonl")}
    (tmp_path / "seeds.jsonl").write_text(
        "".join(json.dumps({"prompt": f"What is {i}?"}) + "\n" for i in range(32)), encoding="utf-8"
    )
    found = finish(study, ["static"], 1, tmp_path, 1, short)
    assert found.failed == (), (tmp_path / "static-0.log").read_text()
    before = (tmp_path / "static-0" / "events.jsonl").read_text()
    again = finish(study, ["static"], 1, tmp_path, 1, short)
    assert (tmp_path / "static-0" / "events.jsonl").read_text() == before
    told = summarise(study, again, evolution.numbers, evolution.PRIMARY)
    assert {"sampled_rare_types", "top_type_share", "judger_minus_verifier"} <= told["arms"]["static"]["turn_1"].keys()
    assert RunDir(tmp_path / "static-0").state() == "finished"
