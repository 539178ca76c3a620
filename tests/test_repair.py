import pytest

from seif.artifacts import Beside, RunDir
from seif.config_file import build_config
from seif.manifest import Manifest
from seif.repair import damage, set_aside_damage


def config(**follower):
    return build_config({"model": "x", "turns": 2, "follower": follower}, "test")


@pytest.fixture
def run(tmp_path):
    run = RunDir(tmp_path)
    run.open(config(), Manifest())
    for step in (1, 2, 3):
        run.metrics.append({"turn": 1, "stage": "train_follower", "step": step, "reward": 0.5})
    return run


def test_damaged_lines_are_set_aside_once(run):
    lines = run.metrics.path.read_text().splitlines()
    run.metrics.path.write_text("\n".join([lines[0], "{", '{"turn": "1"}', lines[2]]) + "\n")
    (said,) = damage(run)
    assert "metrics.jsonl line 2 is damaged" in said
    assert "and 1 more lines" in said
    (said,) = set_aside_damage(run, config())
    assert said.endswith("set aside as metrics.jsonl.damaged-1")
    assert [step.step for step in run.steps()] == [1, 3]
    assert (run.root / "metrics.jsonl.damaged-1").read_text() == '{\n{"turn": "1"}\n'
    assert [event["event"] for event in run.events.read()] == ["set_aside"]
    assert set_aside_damage(run, config()) == []


def test_outcomes_that_a_turn_reads_are_made_again_from_the_start(run):
    run.outcomes(1).append({"turn": 1})
    work = Beside(run.follower(1)).checkpoints
    work.mkdir(parents=True)
    (said,) = set_aside_damage(run, config(replay=0.5))
    assert "turn 1 trains the Follower from the start" in said
    assert not work.exists()
    assert not run.outcomes(1).path.exists()


def test_outcomes_that_no_turn_reads_are_a_log(run):
    run.outcomes(1).append({"turn": 1})
    work = Beside(run.follower(1)).checkpoints
    work.mkdir(parents=True)
    assert len(set_aside_damage(run, config())) == 1
    assert work.exists()
    assert run.outcomes(1).read() == []


def test_what_logs_lack_of_finished_stages_is_named(run):
    run.follower(1).mkdir(parents=True)
    run.event("stage_finished", turn=1, stage="train_follower", seconds=1.0)
    assert damage(run) == []
    run.metrics.keep(lambda record: record["step"] != 2)
    run.events.path.unlink()
    first, second = damage(run)
    assert "events.jsonl does not have the end of turn 1 train_follower" in first
    assert "metrics.jsonl does not have all steps of turn 1 train_follower" in second
