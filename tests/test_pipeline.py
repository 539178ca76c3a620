import io

import pytest
from rich.console import Console

from seif.artifacts import Beside, RunDir
from seif.errors import RunError
from seif.pipeline import Pipeline, Stage
from seif.progress import Progress
from seif.stage_log import Outcome
from seif.tracking import open_tracker


@pytest.fixture
def pipeline(tmp_path):
    return Pipeline(RunDir(tmp_path), Progress(Console(file=io.StringIO()), 1), open_tracker([], tmp_path, {}))


def steps(pipeline):
    return [(m["stage"], m["step"]) for m in pipeline.dir.metrics.read()]


def stage(pipeline, first, last, resumable=True, done=True):
    """A stage that logs the steps from `first` to `last`."""
    out = pipeline.dir.follower(1)

    def run(log):
        log.begin(last)
        if resumable:
            log.resumed(first - 1)
        for step in range(first, last + 1):
            log.step(
                step,
                {"reward": 0.5},
                [{"text": str(step), "constraints": [], "verdicts": []}],
                None,
                [Outcome(f"{step}?", (), (), (), ())],
            )
        if done:
            out.mkdir(parents=True)

    return Stage(1, "train_follower", (), out, run, resumable)


def test_a_stage_that_is_done_is_not_run_again(pipeline):
    pipeline.do(stage(pipeline, 1, 2))
    leftover = Beside(pipeline.dir.follower(1)).checkpoints
    leftover.mkdir()
    pipeline.do(Stage(1, "train_follower", (), pipeline.dir.follower(1), lambda log: 1 / 0))
    assert steps(pipeline) == [("train_follower", 1), ("train_follower", 2)]
    assert not leftover.exists()
    assert [e["event"] for e in pipeline.dir.events.read()] == ["stage_started", "stage_finished"]


def test_the_end_of_a_stage_that_was_killed_right_after_its_output_is_noted_once(pipeline):
    out = pipeline.dir.follower(1)
    pipeline.dir.event("stage_started", turn=1, stage="train_follower")
    out.mkdir(parents=True)
    for _ in range(2):
        pipeline.do(Stage(1, "train_follower", (), out, lambda log: 1 / 0))
    (done,) = pipeline.dir.finished_stages()
    assert (done.turn, done.stage) == (1, "train_follower")
    assert 0 <= done.seconds < 60


def test_a_resumed_stage_forgets_what_lies_after_its_checkpoint(pipeline):
    pipeline.do(stage(pipeline, 1, 3, done=False))
    pipeline.do(stage(pipeline, 3, 4))
    assert steps(pipeline) == [("train_follower", n) for n in (1, 2, 3, 4)]
    assert [r["text"] for r in pipeline.dir.rollouts(1, "train_follower").read()] == ["1", "2", "3", "4"]
    assert [(o["seed"], o["step"]) for o in pipeline.dir.outcomes(1).read()] == [(f"{n}?", n) for n in (1, 2, 3, 4)]


def test_any_other_stage_logs_all_its_steps_anew(pipeline):
    pipeline.dir.metrics.append({"turn": 1, "stage": "evaluate", "step": 1})
    pipeline.do(stage(pipeline, 1, 3, resumable=False, done=False))
    pipeline.do(stage(pipeline, 1, 2, resumable=False))
    assert steps(pipeline) == [("train_follower", 1), ("train_follower", 2)]


def test_an_input_that_is_gone_is_told(pipeline, tmp_path):
    gone = tmp_path / "turn_01" / "instructions.parquet"
    with pytest.raises(RunError, match=r"instructions\.parquet is gone, which train_follower of turn 1 reads"):
        pipeline.do(Stage(1, "train_follower", (gone,), tmp_path / "out", lambda log: None))
