import pytest

from seif.artifacts import RunDir
from seif.atomic import write_json
from seif.config_file import build_config
from seif.errors import UsageError
from seif.manifest import Manifest
from seif.spending import calls_by_turn, tokens_by_turn


def generation(**tokens):
    shares = {"conflict_share": 0.0, "pool_conflict_share": 0.0, "top_type_share": 0.5, "type_entropy": 1.0}
    return {**shares, "pool": {}, **({"tokens": tokens} if tokens else {})}


@pytest.fixture
def run(tmp_path):
    run = RunDir(tmp_path / "run")
    run.open(build_config({"model": "some/model", "turns": 3}, "test"), Manifest())
    return run


def test_a_turn_is_its_steps_and_its_generation(run):
    for step in (1, 2):
        tokens = {"tokens/instructor": 100, "tokens/judger": step, "calls/judger": 3}
        run.metrics.append({"turn": 1, "stage": "train_instructor", "step": step, "reward": 0.5, **tokens})
    run.metrics.append({"turn": 1, "stage": "train_follower", "step": 1, "tokens/follower": 7, "tokens/judger": 10})
    run.metrics.append({"turn": 2, "stage": "train_instructor", "step": 1, "tokens/instructor": 1 << 40})
    write_json(run.generation(0), generation(instructor=5000))
    write_json(run.generation(1), {**generation(instructor=30, filter=3), "calls": {"filter": 1, "instructor": 2}})
    assert tokens_by_turn(run) == [
        {"filter": 3, "follower": 7, "instructor": 230, "judger": 13},
        {"instructor": 1 << 40},
        {},
    ]
    assert calls_by_turn(run) == [{"filter": 1, "instructor": 2, "judger": 6}, {}, {}]


def test_a_run_of_before_tokens_were_counted_has_none(run):
    run.metrics.append({"turn": 1, "stage": "train_follower", "step": 1, "reward": 0.5, "num_tokens": 100.0})
    write_json(run.generation(1), generation())
    assert tokens_by_turn(run) == [{}, {}, {}]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not a run directory"):
        tokens_by_turn(RunDir(tmp_path))
