import importlib.util
import json

import pytest

from seif.errors import RunError, UsageError
from seif.metrics import ScoredRollout, measure, metrics
from seif.plugins import load_plugins, unload_plugin
from seif.registry import adding_parts_of, remove_parts_of
from seif.scoring import Score
from seif.tracking import STATE, check_trackers, open_tracker, trackers
from support import call

ROLLOUTS = [
    ScoredRollout("follower", "Why?", text, finished, Score(1.0, "judged"))
    for text, finished in (("one two", True), ("one two three", False))
]


class Recording:
    """A tracker that keeps what every opening of it got."""

    def __init__(self):
        self.runs, self.lines, self.finished = [], [], 0

    def __call__(self, run):
        self.runs.append(run)
        return self

    def log(self, values, step):
        self.lines.append((step, values))

    def finish(self):
        self.finished += 1


@pytest.fixture
def recording():
    with adding_parts_of("test"):
        found = trackers.add("recording", Recording())
    yield found
    remove_parts_of("test")


def test_stages_turns_and_resumes_are_one_run_on_one_axis_of_steps(tmp_path, recording):
    with open_tracker(["recording"], tmp_path, {"seed": 0}) as tracker:
        tracker.evaluation(0, {"held_out/greedy/constraint": 0.5, "seconds": 3})
        tracker.training(1, "train_instructor", 1, {"reward": 0.1})
        tracker.training(1, "train_instructor", 2, {"reward": 0.2})
        tracker.training(1, "pseudo_label", 1, {})
        tracker.training(1, "train_follower", 1, {"reward": 0.3})
    # The stage starts again from its last checkpoint, and the evaluation is shown again by a stage that is skipped.
    with open_tracker(["recording"], tmp_path, {"seed": 0}) as tracker:
        tracker.evaluation(0, {"held_out/greedy/constraint": 0.5})
        tracker.training(1, "train_follower", 1, {"reward": 0.3})
        tracker.training(1, "train_follower", 2, {"reward": 0.4})
        tracker.evaluation(1, {"types/case": 0.25, "types/title": 0.75, "judger/kappa": 0.7})
    assert recording.lines == [
        (0, {"turn": 0, "evaluation/held_out/greedy/constraint": 0.5, "evaluation/seconds": 3}),
        (1, {"turn": 1, "instructor/reward": 0.1}),
        (2, {"turn": 1, "instructor/reward": 0.2}),
        (3, {"turn": 1, "follower/reward": 0.3}),
        (4, {"turn": 1, "follower/reward": 0.4}),
        (4, {"turn": 1, "evaluation/types/case": 0.25, "evaluation/types/title": 0.75, "evaluation/judger/kappa": 0.7}),
    ]
    first, second = recording.runs
    assert (first.id, first.name) == (second.id, tmp_path.name)
    assert recording.finished == 2


def test_without_trackers_nothing_is_kept(tmp_path):
    with open_tracker([], tmp_path, {}) as tracker:
        tracker.training(1, "train_follower", 1, {"reward": 1.0})
    assert not (tmp_path / STATE).exists()


def test_an_unknown_tracker_and_one_that_is_not_installed_are_one_line(monkeypatch):
    with pytest.raises(UsageError, match="no tracker 'tensorbord'; did you mean 'tensorboard'"):
        check_trackers(["tensorbord"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="trackio is not installed; pip install trackio"):
        check_trackers(["trackio"])


def test_tensorboard_reads_what_was_sent(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for turn, value in ((1, 0.25), (2, 0.5)):
        with open_tracker(["tensorboard"], tmp_path, {}) as tracker:
            tracker.training(turn, "train_follower", 1, {"reward": value})
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("follower/reward")] == [(1, 0.25), (2, 0.5)]


def test_the_example_metric_counts_finished_replies(root):
    plugin = str(root / "examples" / "metric.py")
    assert measure(ROLLOUTS) == {}
    load_plugins([plugin])
    try:
        assert measure(ROLLOUTS) == {"mean_words": 2.0}
        assert measure(ROLLOUTS[1:]) == {}
    finally:
        unload_plugin(plugin)


@pytest.mark.parametrize(
    ("metric", "message"),
    [(lambda r: r[9], "failed: IndexError"), (lambda r: "much", "returned 'much'"), (lambda r: float("nan"), "nan")],
)
def test_a_metric_that_fails_stops_the_stage_with_its_name(metric, message):
    with adding_parts_of("test"):
        metrics.add("mine", metric)
    try:
        with pytest.raises(RunError, match=f"the metric 'mine'.*{message}"):
            measure(ROLLOUTS)
    finally:
        remove_parts_of("test")


@pytest.mark.slow
def test_a_run_is_shown_whole(tmp_path, capsys, monkeypatch, root, recording):
    """Both roles, every evaluation, a metric of one's own whose name looks like a clock's, and the same in
    metrics.jsonl."""
    with adding_parts_of("test"):
        metrics.add("reading_time", lambda rollouts: sum(len(r.text) for r in rollouts) / 15)
    run = (
        "run",
        "nano-tiny",
        "--run-dir",
        tmp_path / "run",
        "--set",
        "report_to=[recording]",
        "--set",
        "evaluation.tasks=8",
    )
    assert call(capsys, monkeypatch, *run)[0] == 0
    sent = list(recording.lines)
    assert call(capsys, monkeypatch, *run)[0] == 0
    assert recording.lines == sent
    assert [step for step, _ in sent] == [0, 1, 2, 3, 4, 5, 5]
    roles = [values.keys() - {"turn"} for _, values in sent]
    assert [{key.split("/")[0] for key in keys} for keys in roles] == [
        {"evaluation"},
        *[{"instructor"}] * 2,
        *[{"follower"}] * 3,
        {"evaluation"},
    ]
    assert any(key.startswith("evaluation/held_out/greedy/") for key in sent[-1][1])
    assert any(key.startswith("evaluation/judger/") for key in sent[-1][1])
    assert any(key.startswith("evaluation/types/") for key in sent[-1][1])
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    kept = [line["reading_time"] for line in lines]
    assert kept == [
        values[f"{role}/reading_time"]
        for role, (_, values) in zip(["instructor"] * 2 + ["follower"] * 3, sent[1:-1], strict=True)
    ]
