import pytest

from seif.scoring import Score
from seif.stages.metrics import reward_percentiles


def test_percentiles_are_of_the_judged_rewards():
    found = reward_percentiles([Score(reward, "") for reward in (1.0, None, 0.0, 0.5, None, 0.25, 0.75)])
    assert found == pytest.approx(
        {"reward/p10": 0.1, "reward/p25": 0.25, "reward/p50": 0.5, "reward/p75": 0.75, "reward/p90": 0.9}
    )


def test_a_step_without_judged_rewards_has_none():
    assert reward_percentiles([Score(None, "unjudged")]) == {}
