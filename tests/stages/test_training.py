from pathlib import Path

import pytest

from seif.config import Grpo
from seif.config_file import load_config
from seif.stages.training import _rewarded_by
from seif.training.job import GrpoJob


def identity(*overrides, judge="base"):
    rewarded_by = _rewarded_by(load_config(Path("nano-tiny"), list(overrides)), {"judge": judge})
    work, out = Path("work"), Path("out")
    job = GrpoJob(model="m", prompts=[], steps=1, settings=Grpo(), seed=0, work=work, out=out, rewarded_by=rewarded_by)
    return job.identity()


@pytest.mark.parametrize(
    "changed",
    [
        "instructor.reward=learnability",
        "instructor.share_penalty=0.1",
        "follower.reward=all_or_nothing",
        "judger.kind=rules",
        "filter.rules=false",
        "self_supervised.hard_labels=true",
    ],
)
def test_training_is_another_where_the_reward_is(changed):
    assert identity(changed) != identity()


def test_training_is_another_where_another_model_judges():
    assert identity(judge="other") != identity()


@pytest.mark.parametrize("changed", ["judger.max_unjudged=0.5", "engine.retries=9", "step_timeout=9"])
def test_what_changes_no_reward_may_change(changed):
    assert identity(changed) == identity()
