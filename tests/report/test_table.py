from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import MakeRun, audit, evaluation
from rich.console import Console, RenderableType

from seif.artifacts import EarlyStop, RunDir
from seif.atomic import write_json
from seif.errors import UsageError
from seif.evaluation.results import Evaluation
from seif.report.table import audit_parts, evaluation_table, plan_table, turn_table
from seif.results import Plan, PlannedTurn, read_run


def printed(*parts: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)
    for part in parts:
        console.print(part)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_turn_table(make_run: MakeRun) -> None:
    text = printed(turn_table(make_run()))
    base, _, last = [line for line in text.splitlines() if "±" in line and not line.startswith("greedy:")]
    assert base.split()[:4] == ["base", "40.0", "±", "1.0"]
    assert base.split()[-1] == "12"
    for shown in ("2", "61.2 ± 1.0", "56.2", "37.5", "22.9", "14.0", "61.3/52.7", "83.4", "50.0", "212"):
        assert shown in last, shown


def test_turn_table_fits_whatever_the_numbers(make_run: MakeRun) -> None:
    run = make_run()
    widest = evaluation(2, 1.0, stderr=0.123)
    widest["judger"] |= {"mean": 1.0, "verifier_mean": 1.0, "balanced_accuracy": 1.0}
    write_json(run.evaluation(2), widest)
    run.event("stage_finished", turn=2, stage="generate", seconds=12_345_678.9)
    text = printed(turn_table(run), width=100)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("changes", [{"held_out": {}}, {"judger": {}}, {"judger": {"mean": None}}, {"instructor": {}}])
def test_turn_table_of_partial_evaluations(make_run: MakeRun, changes: dict[str, Any]) -> None:
    run = make_run(accuracies=(0.4,))
    write_json(run.evaluation(1), {**evaluation(1, 0.5), **changes})
    assert "\n1 " in printed(turn_table(run))


def test_turn_table_of_a_new_run(make_run: MakeRun) -> None:
    assert "turn" in printed(turn_table(make_run(accuracies=())))


def test_evaluation_table_leaves_out_what_was_not_measured() -> None:
    result = {"turn": 0, "held_out": evaluation(0, 0.4)["held_out"], "judger": {}, "instructor": {}}
    text = printed(evaluation_table([Evaluation.from_json(result, "test")]))
    assert "40.0 ± 1.0" in text
    assert "Judger" not in text
    assert "sec." not in text
    assert "top type" not in text
    assert "all of k: " in text


def test_the_caption_explains_every_short_head(make_run: MakeRun) -> None:
    text = printed(turn_table(make_run()))
    for said in (
        "sampled: ",
        "all of k: ",
        "Judger/verifier: ",
        "bal. acc.: balanced accuracy",
        "top type: share of the commonest",
        "sec.: ",
    ):
        assert f"\n{said}" in text, said


PLAN = Plan(
    model="Qwen/Qwen2.5-7B-Instruct",
    seeds=5119,
    instructions=None,
    turns=tuple(
        PlannedTurn(
            turn=turn,
            instructor_starts_from=f"instructor_{turn - 1}",
            instructions_written_by=f"instructor_{turn}",
            filter=f"follower_{turn - 1}",
            answerer=f"follower_{turn - 1}",
            judger=f"follower_{turn - 1}",
            follower_starts_from=f"follower_{turn - 1}",
            instructor_steps=13,
            reward_model_for_instructor=None,
            reward_model_for_follower=None,
            follower_steps=39,
        )
        for turn in (2, 3)
    ),
    instructor_step={"filter_calls": 1920, "answer_calls": 1921, "judge_calls": 7680},
    follower_step={"answers": 1922, "judge_calls": 7688},
    reward_model=None,
)


def test_plan_table() -> None:
    text = printed(*plan_table(PLAN))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    for shown in (
        "2 turns from Qwen/Qwen2.5-7B-Instruct on 5,119 seeds",
        "instructor_1",
        "follower_2",
        " 13 ",
        "39",
        "1,920",
        "1,921",
        "1,922",
        "7,688",
    ):
        assert shown in text, shown


def test_plan_table_of_a_gate() -> None:
    text = printed(*plan_table(replace(PLAN, probes={"answers": 1234, "judge_calls": 5678})))
    line = next(line for line in text.splitlines() if "gate, per turn" in line)
    assert "1,234" in line
    assert "5,678" in line


def test_one_of_something_is_singular() -> None:
    one = replace(PLAN, seeds=1, turns=PLAN.turns[:1])
    assert "1 turn from Qwen/Qwen2.5-7B-Instruct on 1 seed\n" in printed(*plan_table(one))


def test_plan_table_without_instructor_training() -> None:
    turns = tuple(
        replace(t, instructor_starts_from=None, instructions_written_by="base", instructor_steps=0) for t in PLAN.turns
    )
    text = printed(*plan_table(replace(PLAN, turns=turns)))
    assert "the Instructor is not trained" in text
    assert "1,921" not in text


def test_states(make_run: MakeRun) -> None:
    assert read_run(make_run(name="a")).state == "finished"
    assert read_run(make_run(name="b", accuracies=(0.4, 0.5))).state == "stopped"
    fresh = make_run(name="c", accuracies=())
    assert read_run(fresh).to_json() == {"state": "new", "seconds": 0, "turns": []}
    assert not (fresh.root / ".lock").exists()
    with fresh.locked():
        assert read_run(fresh).state == "running"
    assert read_run(fresh).state == "new"
    fresh.event("stage_started", turn=0, stage="generate")
    assert read_run(fresh).state == "stopped"


def test_status_leaves_the_lock_free(make_run: MakeRun) -> None:
    run = make_run(accuracies=(0.4,))
    with run.locked():
        pass
    assert read_run(run).state == "stopped"
    with run.locked():
        pass


def test_status_carries_the_evaluations_in_order(make_run: MakeRun) -> None:
    run = make_run()
    run.evaluation(1).unlink()
    status = read_run(run)
    assert [e.turn for e in status.evaluations] == [0, 2]
    assert status.state == "stopped"
    assert status.seconds == pytest.approx(437.5)


def test_no_run_directory(tmp_path: Path) -> None:
    for read in (read_run, turn_table):
        with pytest.raises(UsageError, match="not a run directory"):
            read(RunDir(tmp_path))


def test_the_audit_names_the_best_turn_and_why_the_loop_ended(make_run: MakeRun) -> None:
    run = make_run(audit="audit.parquet")
    assert audit_parts(read_run(run)) == []
    for turn, accuracy in enumerate((0.3, 0.5, 0.4)):
        write_json(run.audit(turn), audit(turn, accuracy))
    run.stop_early(EarlyStop(2, "the judge is talked round"))
    text = printed(*audit_parts(read_run(run)))
    assert "1 (best)  50.0 ± 2.0              +1.0  90.0  30.0  60.0 (48.0 to 71.0)" in text
    assert "stopped after turn 2: the judge is talked round" in text
    assert max(map(len, text.splitlines())) <= 80
    assert read_run(run).to_json()["best"] == 1
    assert read_run(run).to_json()["stopped_early"] == {"turn": 2, "reason": "the judge is talked round"}
