import pytest

from seif.datasets import FollowerData
from seif.scoring import Score
from seif.stages.metrics import follower_metrics, instructor_metrics, reward_percentiles
from seif.training.rollouts import Rollout
from seif.types import Instruction


def test_percentiles_are_of_the_judged_rewards():
    found = reward_percentiles([Score(reward, "") for reward in (1.0, None, 0.0, 0.5, None, 0.25, 0.75)])
    assert found == pytest.approx(
        {"reward/p10": 0.1, "reward/p25": 0.25, "reward/p50": 0.5, "reward/p75": 0.75, "reward/p90": 0.9}
    )


def test_both_roles_log_them():
    samples, scores = [Rollout(0, "It is old.", True)], [Score(0.5, "judged")]
    data = FollowerData([Instruction("Why?", ())], [], 1, (0,), False, 0)
    for metrics in (instructor_metrics(samples, scores, 1.0), follower_metrics(samples, scores, data, 1.0)):
        assert metrics["reward/p50"] == 0.5


def test_a_step_without_judged_rewards_has_none():
    assert reward_percentiles([Score(None, "unjudged")]) == {}
