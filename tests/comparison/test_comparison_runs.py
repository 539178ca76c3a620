from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_run import TYPES, MakeRun, audit, evaluation

import seif
from seif.artifacts import EarlyStop
from seif.atomic import read_json, write_json
from seif.comparison.runs import compare_runs, distinct_names, label


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["runs/a", "runs/b"], ["a", "b"]),
        (["evolving/seed_0", "static/seed_0"], ["evolving", "static"]),
        (["evolving/seed_0", "static/seed_0", "static/seed_1"], ["evolving/seed_0", "static/seed_0", "static/seed_1"]),
        (["x/deep/run", "y/deep/run"], ["x", "y"]),
    ],
)
def test_names_are_as_short_as_they_can_be(tmp_path: Path, folders: list[str], names: list[str]) -> None:
    assert distinct_names([tmp_path / folder for folder in folders]) == names


def test_labels_go_on_after_z() -> None:
    assert [label(i) for i in (0, 1, 25, 26, 27, 52)] == ["A", "B", "Z", "AA", "AB", "BA"]


def test_turns_differences_costs_and_settings(make_run: MakeRun) -> None:
    first, second = make_run("one"), make_run("two", accuracies=(0.4, 0.7, 0.8), seed=7, lora={"r": 4})
    second.event("stage_finished", turn=2, stage="generate", seconds=10.0, cpu_seconds=8.0, peak_bytes=5)
    found = compare_runs([first.root, second.root])
    assert [(run.label, run.name, run.turn) for run in found.runs] == [("A", "one", 2), ("B", "two", 2)]
    (difference,) = found.differences
    greedy = difference.whole["held-out, greedy"]
    assert (greedy.value, greedy.method) == (pytest.approx(0.188), "unpaired")
    assert greedy.clear
    assert set(difference.per_type) == set(TYPES)
    settings = {setting.key: setting.values for setting in found.settings}
    assert settings["seed"] == (0, 7)
    assert settings["lora.r"] == ("–", 4)
    costs = {cost.stage: cost for cost in found.runs[1].costs}
    assert (costs["train_follower"].seconds, costs["train_follower"].times) == (200.0, 2)
    assert costs["train_follower"].cpu_seconds is None
    assert (costs["generate"].cpu_seconds, costs["generate"].peak_bytes) == (8.0, 5)
    assert json.loads(json.dumps(found.to_json()))["settings"]["seed"] == [0, 7]


def test_held_out_tasks_are_paired_where_each_tasks_result_is_known(make_run: MakeRun) -> None:
    runs = [make_run("one"), make_run("two")]
    for run, marks in zip(runs, ("10", "11"), strict=True):
        numbers = read_json(run.evaluation(2))
        write_json(run.root / "manifest.json", {**read_json(run.root / "manifest.json"), "held_out_sha256": "ab" * 32})
        numbers["held_out"]["greedy"] |= {"holds": [marks] * 600, "per_type_holds": {TYPES[0]: marks * 300}}
        write_json(run.evaluation(2), numbers)
    (difference,) = compare_runs([run.root for run in runs]).differences
    assert difference.whole["held-out, greedy"].method == "paired"
    assert difference.per_type[TYPES[0]].method == "paired"
    assert difference.whole["held-out, sampled"].method == "unpaired"


def test_the_best_turn_is_that_of_each_audit(make_run: MakeRun) -> None:
    one, two = make_run("one"), make_run("two")
    for run, best in ((one, 1), (two, 2)):
        for turn in range(3):
            write_json(run.audit(turn), audit(turn, 0.9 if turn == best else 0.5))
    found = compare_runs([one.root, two.root], "best")
    assert [run.turn for run in found.runs] == [1, 2]
    assert found.differences[0].whole["audit"].value == 0.0


def test_an_unfinished_run_is_compared_as_far_as_it_is(make_run: MakeRun) -> None:
    done, under_way, new = (
        make_run("done"),
        make_run("under-way", accuracies=(0.4, 0.5)),
        make_run("new", accuracies=()),
    )
    found = compare_runs([done.root, under_way.root, new.root])
    assert [run.turn for run in found.runs] == [2, 1, None]
    assert "B is stopped: compared as far as it is, turn 1 of 2" in found.notes
    assert "C: no turn is evaluated yet" in found.notes
    assert found.differences[1].whole == {}
    numbered = compare_runs([done.root, under_way.root], "2")
    assert "B: turn 2 is not evaluated yet" in numbered.notes


def test_an_early_end_is_no_unfinished_run(make_run: MakeRun) -> None:
    one, two = make_run("one"), make_run("two", accuracies=(0.4, 0.5))
    two.stop_early(EarlyStop(1, "enough"))
    assert compare_runs([one.root, two.root]).notes == ()


def test_other_tasks_and_other_numbers_of_them_are_noted(make_run: MakeRun) -> None:
    one, two, three = make_run("one"), make_run("two"), make_run("three")
    for run in (one, two, three):
        manifest = read_json(run.root / "manifest.json")
        write_json(run.root / "manifest.json", {**manifest, "held_out_sha256": "cd" * 32 if run is two else "ef" * 32})
    fewer = evaluation(2, 0.5)
    fewer["held_out"]["greedy"]["n"] = 10
    write_json(three.evaluation(2), fewer)
    notes = compare_runs([one.root, two.root, three.root]).notes
    assert any("B has other held-out tasks" in note for note in notes)
    assert any("C was measured on another number" in note for note in notes)


def test_mistakes_are_one_line(make_run: MakeRun, tmp_path: Path) -> None:
    run, other = make_run("run"), make_run("other")
    for folders, turn, said in (
        ([run.root], "last", "two runs or more"),
        ([run.root, run.root / "." / "."], "last", "is given twice"),
        ([run.root, tmp_path], "last", "is not a run directory"),
        ([run.root, other.root], "best", "has no audit"),
        ([run.root, other.root], "first", "--turn is best, last or a number, not 'first'"),
    ):
        with pytest.raises(seif.UsageError, match=said) as error:
            compare_runs(folders, turn)
        assert "\n" not in str(error.value)
