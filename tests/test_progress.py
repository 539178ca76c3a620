import io

import pytest
from rich.console import Console

from seif.progress import Progress, clock


def tell(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    progress = Progress(Console(file=out, force_terminal=terminal, width=120), turns=3)
    progress.started(2, "train_follower")
    progress.begin(2, "train_follower", 4)
    progress.resumed(1)
    for step in (2, 3, 4):
        progress.step(step, {"reward": 0.5 + step / 100})
    progress.finished(2, "train_follower", 65.0, {"reward": 0.54})
    progress.skipped(3, "evaluate")
    return out.getvalue()


def test_plain_lines_say_turn_stage_step_reward_and_time_left(monkeypatch):
    lines = tell(False, monkeypatch).splitlines()
    assert "turn 2/3  train Follower: continuing after step 1" in lines
    assert any(line.startswith("turn 2/3  train Follower  step 3/4  reward 0.530  left 0:0") for line in lines)
    assert "turn 2/3  train Follower: done in 1:05  reward 0.540" in lines
    assert "turn 3/3  evaluate: already done" in lines
    assert not any("\x1b" in line for line in lines)


def test_a_terminal_gets_a_live_bar_and_no_line_per_step(monkeypatch):
    text = tell(True, monkeypatch)
    assert "4/4" in text
    assert "step 3/4" not in text
    assert "done in 1:05" in text


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (65, "1:05"), (3725, "1:02:05")])
def test_clock(seconds, shown):
    assert clock(seconds) == shown


def test_an_evaluation_ends_with_its_constraint_accuracy(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    progress = Progress(Console(file=out, width=120), turns=1)
    progress.started(1, "evaluate")
    numbers = {"held_out/greedy/constraint_accuracy": 0.697, "held_out/greedy/stderr": 0.031, "judger/mean": 0.5}
    progress.finished(1, "evaluate", 7.0, numbers)
    assert out.getvalue().splitlines()[-1] == "turn 1/1  evaluate: done in 0:07  constraint accuracy 69.7% ± 3.1%"
