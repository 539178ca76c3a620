"""The study without its runs: what its arms are, and how made-up numbers are compared, tabulated and drawn."""

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks.arms import WORLDS
from benchmarks.comparison import measured_rows, summarise
from benchmarks.picture import draw
from benchmarks.results_table import (
    SELF_SUPERVISED,
    arms_table,
    criteria,
    differences_table,
    evolution_columns,
    judge_gap,
    labels_table,
    pairs_table,
    turns_table,
)
from benchmarks.runs import Arm, Finished, Study, finish

from benchmarks import ablations, arms, evolution, runs, schedules, self_supervised
from seif.artifacts import RunDir
from seif.config_file import load_config
from seif.errors import UsageError
from seif.evaluation.results import Accuracy
from seif.manifest import Manifest

STUDIES = {
    **WORLDS,
    "self_supervised": self_supervised.STUDY,
    "ablations": ablations.STUDY,
    "schedules": schedules.STUDY,
}


class Run:
    """Stands for a run directory."""

    def __init__(self, arm, seed, turns=2):
        self.arm, self.seed, self.turns = arm, seed, turns

    def config(self):
        return self


PRIMARY = evolution.PRIMARY
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
def summary():
    found = {
        arm: {seed: Run(arm, seed) for seed in MADE_UP.seeds(arm, 10) if (arm, seed) != ("static_plus", 3)}
        for arm in LIFT
    }
    summary = summarise(MADE_UP, Finished(found, ("static_plus-3",)), made_up, PRIMARY)
    return json.loads(json.dumps(summary))


def test_what_was_printed_before_counts_like_the_runs_themselves(summary):
    assert summarise(MADE_UP, Finished({}, ("static_plus-3",)), made_up, PRIMARY, measured_rows(summary)) == summary


def test_a_run_on_disk_counts_before_what_was_printed_of_it(summary):
    other = {"static": {0: Run("default", 0)}}
    found = summarise(MADE_UP, Finished(other), made_up, PRIMARY, measured_rows(summary))
    first = found["arms"]["static"]["turn_2"][PRIMARY]["values"]
    before = summary["arms"]["static"]["turn_2"][PRIMARY]["values"]
    assert first[0] == summary["arms"]["default"]["turn_2"][PRIMARY]["values"][0]
    assert first[1:] == before[1:]


def test_measured_runs_are_done_again_only_where_another_needs_them(tmp_path, monkeypatch):
    study = Study(Path("nano.yaml"), {"static": Arm(), "other": Arm(), "after": Arm(needs=("static",))}, "static")
    done = []
    monkeypatch.setattr(runs, "run", lambda config, settings, folder: done.append(folder.name) or True)
    measured = [("static", 0), ("static", 1), ("other", 0), ("after", 0)]
    finish(study, ["static", "other", "after"], 2, tmp_path, 1, {}, measured)
    assert done == ["static-1", "other-1", "after-1"]


@pytest.mark.parametrize("world", STUDIES)
def test_every_arm_is_a_config_that_loads(world):
    study = STUDIES[world]
    for name, arm in study.arms.items():
        overrides = [f"{key}={value}" for key, value in {**study.common, **arm.settings}.items()]
        config = load_config(study.config, overrides)
        assert config.instructor.train or name not in ("learnability", "paper", "evolving"), name


def effective(config):
    """The config without the keys that have no effect beside its others."""
    tree = config.model_dump(mode="json")
    settings, inert = tree["instructor"], set()
    if not settings["train"]:
        inert |= {"reward", "answers", "per_constraint", "share_penalty", "archive_penalty", "steps", "epochs"}
    if settings["allocation"] != "bandit":
        inert |= {"explore"}
    if settings["allocation"] == "none":
        inert |= {"types"}
    if not settings["probes"]:
        inert |= {"candidates", "type_quota", "edits"}
    return json.dumps({**tree, "instructor": {key: value for key, value in settings.items() if key not in inert}})


@pytest.mark.parametrize("world", STUDIES)
def test_no_two_arms_of_a_world_do_the_same(world):
    study, known = STUDIES[world], {}
    for name, arm in study.arms.items():
        config = load_config(study.config, [f"{k}={v}" for k, v in {**study.common, **arm.settings}.items()])
        if not arm.settings_from:
            known.setdefault(effective(config), []).append(name)
    assert [names for names in known.values() if len(names) > 1] == []


def test_random_rewards_have_no_penalty_that_says_something():
    assert arms.W1.arms["random_instructor"].settings["instructor.share_penalty"] == "0"


def test_the_protocol_has_the_arms_of_every_world():
    protocol = (runs.ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    table = protocol.partition("| arm | worlds | what it is |")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
    for world, study in WORLDS.items():
        found = {arm.strip("`") for arm, worlds, _ in rows if worlds == "all" or world.upper() in worlds.split(", ")}
        assert found == study.arms.keys(), world


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


def test_the_seed_that_a_run_needs_is_run_too_and_counts_nowhere_else(tmp_path, monkeypatch):
    study = Study(
        Path("nano.yaml"),
        {"static": Arm(), "judge": Arm(needs=("static",), needed_seed=arms.next_seed, settings_from=first_of)},
        "static",
    )
    done = []
    monkeypatch.setattr(runs, "run", lambda config, settings, folder: done.append(folder.name) or True)
    found = finish(study, ["judge"], 2, tmp_path, 1, {})
    assert done == ["static-0", "static-1", "static-2", "judge-0", "judge-1"]
    assert {arm: list(of_arm) for arm, of_arm in found.runs.items()} == {"static": [0, 1], "judge": [0, 1]}


def first_of(found, seed):
    return {"judger.checkpoint": str(found("static", seed + 1).root)}


def test_settings_that_can_not_be_made_are_an_error_and_no_missing_run(tmp_path, monkeypatch):
    def broken(found, seed):
        raise KeyError("follower")

    monkeypatch.setattr(runs, "run", lambda *args: True)
    study = Study(Path("nano.yaml"), {"static": Arm(), "after": Arm(needs=("static",), settings_from=broken)}, "static")
    with pytest.raises(KeyError, match="follower"):
        finish(study, ["after"], 1, tmp_path, 1, {})


def test_without_jobs_what_is_not_finished_has_not_failed(tmp_path, capsys):
    study = Study(
        Path("nano.yaml"), {"static": Arm(), "after": Arm(needs=("static",), settings_from=first_of)}, "static"
    )
    assert finish(study, ["after"], 1, tmp_path, 0, {}) == Finished({"static": {}, "after": {}})
    assert "after-0: left out, it needs a finished static-0" in capsys.readouterr().err


def test_a_base_is_taken_whole_or_not_at_all(tmp_path, monkeypatch):
    config = load_config(Path("nano"), ["seed=0"])
    begun, manifest = RunDir(tmp_path / "static-0"), Manifest(files={"seeds": "1"}, versions={"torch": "2"})
    begun.root.mkdir()
    begun.open(config, manifest)
    begun.turn(0).mkdir()
    for place in (begun.generation, begun.instructions, begun.evaluation):
        place(0).write_text("all of it", encoding="utf-8")
    copy, to = runs.shutil.copyfile, tmp_path / "gate-0"

    def killed(source, target):
        target.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.shutil, "copyfile", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.take_shared(begun, Path("nano"), {"seed": "0"}, to)
    assert not to.exists()
    monkeypatch.setattr(runs.shutil, "copyfile", copy)
    runs.take_shared(begun, Path("nano"), {"seed": "0"}, to)
    assert RunDir(to).evaluation(0).read_text(encoding="utf-8") == "all of it"
    RunDir(to).open(config, manifest)
    with pytest.raises(UsageError, match="seeds file changed"):
        RunDir(to).open(config, Manifest(files={"seeds": "2"}, versions={"torch": "2"}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gate-0", "static-0"]


@pytest.mark.parametrize(
    ("setting", "shared"), [("hard_labels=true", True), ("curriculum=none", True), ("contrasts=false", False)]
)
def test_a_reward_model_is_taken_where_it_would_be_the_same(setting, shared, tmp_path):
    full, config = RunDir(tmp_path / "full-0"), Path("nano-self-supervised")
    full.root.mkdir()
    full.open(load_config(config, ["seed=0"]), Manifest())
    full.reward_model(1).mkdir(parents=True)
    for place in (full.pseudo_labels, full.pseudo_label_counts, full.reward_model_numbers):
        place(1).write_text("of turn 1", encoding="utf-8")
    (full.reward_model(1) / "config.json").write_text("{}", encoding="utf-8")
    key, value = f"self_supervised.{setting}".split("=")
    to = RunDir(tmp_path / "other-0")
    runs.take_shared(full, config, {"seed": "0", key: value}, to.root)
    assert to.root.exists() == shared
    assert (to.reward_model(1) / "config.json").exists() == shared
    assert to.pseudo_labels(1).exists() == shared


def test_a_run_of_another_checkout_is_finished_too(tmp_path, monkeypatch):
    config = load_config(Path("nano"), ["seed=0"])
    elsewhere = {
        key: getattr(config, key).replace(str(runs.ROOT), "/elsewhere")
        for key in ("model", "seeds", "held_out", "held_out_types", "audit")
    }
    run = RunDir(tmp_path)
    monkeypatch.setattr(RunDir, "started", lambda run: True)
    monkeypatch.setattr(RunDir, "state", lambda run: "finished")
    monkeypatch.setattr(RunDir, "config", lambda run: config.model_copy(update=elsewhere))
    assert runs.is_finished(run, Path("nano"), {"seed": "0"})
    assert not runs.is_finished(run, Path("nano"), {"seed": "1"})
    assert not runs.is_finished(run, Path("nano"), {"seed": "0", "held_out": "nano:data/audit.parquet"})


@pytest.mark.parametrize(
    "command",
    [
        lambda: evolution.compare("Worlds.", WORLDS, Path("runs")),
        lambda: evolution.compare("One world.", {"ablations": ablations.STUDY}, Path("runs")),
        self_supervised.main,
        schedules.main,
    ],
)
def test_an_unknown_arm_is_a_mistake(command, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmark", "--arms", "default", "typo", "--jobs", "0"])
    with pytest.raises(SystemExit) as end:
        command()
    assert end.value.code == 2
    assert "typo; there are " in capsys.readouterr().err


def test_a_run_has_one_thread_and_a_log(tmp_path, monkeypatch, capsys):
    def process(command, *, env, stdout, **options):
        assert (env["OMP_NUM_THREADS"], command[-2:]) == ("1", ["--set", "turns=1"])
        stdout.write("seif: a mistake")
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(runs.subprocess, "run", process)
    assert not runs.run(Path("nano"), {"turns": "1"}, tmp_path / "arm-0")
    assert (tmp_path / "arm-0.log").read_text() == "seif: a mistake"
    assert "arm-0: failed with exit code 2" in capsys.readouterr().err


def test_differences_are_paired_over_the_seeds_that_both_arms_have(summary):
    found = summary["minus_static"]["default"]["sampled_constraint_accuracy"]
    assert len(found["values"]) == 10
    assert found["low"] <= found["mean"] <= found["high"]
    assert found["p"] == pytest.approx(2 / 1024, abs=1e-4)
    assert len(summary["minus_static_plus"]["default"]["sampled_constraint_accuracy"]["values"]) == 9
    assert summary["failed"] == ["static_plus-3"]


def test_holm_is_over_the_tested_arms(summary):
    against = summary["minus_static"]
    family = [against[arm]["sampled_constraint_accuracy"] for arm in ("default", "static_plus")]
    assert max(cell["p_holm"] for cell in family) >= max(cell["p"] for cell in family)
    assert min(cell["p_holm"] for cell in family) == pytest.approx(2 * min(cell["p"] for cell in family), abs=1e-4)
    assert against["even"]["sampled_constraint_accuracy"]["p_holm"] is None


def test_holm_counts_tested_arms_that_have_not_run():
    found = {arm: {seed: Run(arm, seed) for seed in range(10)} for arm in ("static", "default")}
    against = summarise(MADE_UP, Finished(found), made_up, "sampled_constraint_accuracy")["minus_static"]
    cell = against["default"]["sampled_constraint_accuracy"]
    assert cell["p_holm"] == pytest.approx(2 * cell["p"], abs=1e-4)


def test_areas_end_at_the_smaller_spending(summary):
    # At 200 tokens static is at turn 2, default at turn 1: lower, for all that it gains.
    assert summary["minus_static"]["default"]["area"]["mean"] < 0 < summary["minus_static"]["even"]["area"]["mean"]
    assert summary["minus_static"]["default"]["tokens_ratio"]["mean"] == 2


def test_tables_and_criteria(summary):
    table = arms_table(summary, evolution_columns(summary))
    assert table.count("\n") == 2 + 5 + 1
    assert "| arm | accuracy | minus static | p (Holm) |" in table
    assert "| 20.0 | – | +2.0 | 2.00 | 10 |" in next(
        row for row in table.splitlines() if row.startswith("| `default` |")
    )
    pairs = pairs_table(summary)
    assert "| `default` minus `static_plus` |" in pairs
    assert "| `default` minus `static` |" in pairs
    assert "`even`" not in pairs
    assert [c.met for c in criteria(summary)] == [True, True, True, True]
    worse = {**summary, "arms": {**summary["arms"], "default": summary["arms"]["static"]}}
    assert [c.met for c in criteria(worse)] == [True, True, False, True]


def test_further_differences_and_turns_have_tables(summary):
    table = differences_table(summary, {"greedy": "greedy_constraint_accuracy"})
    assert "| arm | greedy, minus static | p (Holm) |" in table
    assert "| `default` | +0.0 [+0.0, +0.0] | 1.000 |" in table
    assert "| `even` | +0.0 [+0.0, +0.0] | – |" in table
    turns = turns_table(summary, {"top type": "top_type_share", "reward model": "reward_model_accuracy"})
    assert "| `default` | top type | 20.0 | 20.0 |" in turns
    assert "| `default` | reward model | – | – |" in turns


def test_p_has_a_column_only_where_an_arm_is_tested(summary):
    assert "p (Holm)" in evolution_columns(summary)
    untested = Study(Path("nano.yaml"), {arm: Arm() for arm in LIFT}, "static")
    found = {arm: {seed: Run(arm, seed) for seed in (0, 1)} for arm in LIFT}
    columns = evolution_columns(summarise(untested, Finished(found), made_up, PRIMARY))
    assert "p (Holm)" not in columns
    assert "minus static" in columns


def test_the_audits_gap_is_shown_where_there_is_one():
    turns = [
        {"judger_minus_verifier": {"mean": 0.03}, "audit_gap": {"mean": gap}, "x": {"mean": 0.0}}
        for gap in (-0.01, 0.02)
    ]
    study = {"arms": {"a": dict(enumerate(turns)), "b": {0: {"judger_minus_verifier": {"mean": -0.01}}}}}
    assert [judge_gap(study, arm) for arm in "ab"] == ["+2.0 (audit)", "−1.0"]


def test_a_summary_without_runs_has_empty_tables():
    nothing = summarise(MADE_UP, Finished({}), made_up, "sampled_constraint_accuracy")
    assert arms_table(nothing, evolution_columns(nothing)).count("\n") == 4
    assert (pairs_table(nothing), labels_table(nothing), criteria(nothing)) == ("", "", [])


def test_the_picture_is_whole_and_has_a_dark_side(summary):
    drawing = draw(summary)
    root = ElementTree.fromstring(drawing)
    assert {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")} >= {"evolving", "static", "base", "2"}
    assert "prefers-color-scheme: dark" in drawing
    assert drawing.count('class="error"') == 2 * 2
    # At 13 pixels a letter of the title is about 7.5 wide; the chart has a margin on both sides.
    assert root.get("viewBox").startswith("-8 -8 396 ")
    assert 7.5 * len(root.find("{http://www.w3.org/2000/svg}title").text) < 380


def test_rare_types_are_weighted_by_their_constraints():
    found = Accuracy(per_type={"a": 0.5, "b": 1.0, "c": 0.0}, per_type_n={"a": 30, "b": 10, "c": 5})
    assert evolution.mean_of_types(found, {"a", "b", "d"}) == pytest.approx(25 / 40)
    assert evolution.mean_of_types(found, {"d"}) is None


def test_label_accuracy_is_given_type_by_type():
    def numbers(run, turn):
        return {
            "greedy_constraint_accuracy": 0.5,
            **({"label_accuracy": 0.9, "label_accuracy/startend:quotation": 0.8} if turn else {}),
        }

    study = Study(Path("x.yaml"), {"full": Arm(), "noise_10": Arm()}, "full")
    found = Finished({arm: {0: Run(arm, 0)} for arm in study.arms})
    summary = json.loads(json.dumps(summarise(study, found, numbers, "greedy_constraint_accuracy")))
    assert labels_table(summary) == (
        "| type | `full` | `noise_10` |\n| --- | --- | --- |\n| startend:quotation | 80.0 | 80.0 |\n\n"
    )
    assert "| `noise_10` | 1 | 50.0 | +0.0 [+0.0, +0.0] |" in arms_table(summary, SELF_SUPERVISED)


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
    summary = summarise(study, again, evolution.numbers, evolution.PRIMARY)
    assert {"sampled_rare_types", "top_type_share", "judger_minus_verifier"} <= summary["arms"]["static"][
        "turn_1"
    ].keys()
    assert RunDir(tmp_path / "static-0").state() == "finished"


def test_ablations_depart_from_the_papers_loop_in_one_thing():
    study = ablations.STUDY
    full = study.arms["full"].settings
    departures = {
        arm: {key: value for key, value in how.settings.items() if full.get(key) != value}
        for arm, how in study.arms.items()
    }
    assert departures == {
        "full": {},
        "no_filter": {"filter.rules": "false", "filter.model": "false"},
        "static": {"instructor.train": "false"},
        "all_or_nothing": {"follower.reward": "all_or_nothing"},
        "no_judge_rules": {"judger.kind": "logprob"},
    }


def test_rewards_of_a_schedule_are_means_over_seeds_step_by_step(tmp_path):
    for seed, offset in ((0, 0.0), (1, 0.2)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        rows = [
            {"turn": turn, "stage": stage, "step": step, "reward": offset + turn / 10 + step / 100}
            for turn in (1, 2)
            for stage in ("train_instructor", "train_follower")
            for step in (1, 2)
        ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = schedules.rewards({seed: RunDir(tmp_path / str(seed)) for seed in (0, 1)})
    assert list(found) == ["Instructor", "Follower"]
    points = found["Follower"]
    assert [(point.turn, point.step) for point in points] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [round(point.mean, 6) for point in points] == [0.21, 0.22, 0.31, 0.32]
    assert points[0].values == pytest.approx((0.11, 0.31))
    schedules.draw({"3-1-1": found}, tmp_path / "rewards.svg")
    texts = ElementTree.parse(tmp_path / "rewards.svg").iter("{http://www.w3.org/2000/svg}text")
    assert {"Instructor's reward", "Follower's reward", "Follower epochs 3, 1, 1"} <= {text.text for text in texts}
