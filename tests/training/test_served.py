import pytest
import torch

from seif.training.callbacks import StepLog
from seif.training.served import Update, compare
from support import RecordingLog

TOKENS = 4000


def logps(spread, seed):
    return spread * torch.randn(TOKENS, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def now():
    return -logps(1.0, 0).abs()


def rounded(logps_of, seed):
    """As bf16 rounds: every forward of server and trainer by itself."""
    return logps_of + logps(0.02, seed)


def test_a_server_that_agrees_shows_the_update_in_every_token(now):
    before = now + logps(0.01, 2)
    found = compare(now + logps(1e-7, 1), now, before)
    assert found.mean < 1e-6
    assert found.update.seen > 0.999
    assert not found.update.missing
    assert compare(before, now, before).update.seen == 0
    assert compare(before, now, before).update.missing


def test_an_update_of_the_size_of_rounding_is_missed_at_once(now):
    before = now + logps(0.02, 2)
    fresh, stale = (compare(rounded(served, 5), rounded(now, 3), rounded(before, 4)).update for served in (now, before))
    assert fresh.seen > 0.55
    assert not fresh.missing
    assert stale.seen < 0.45
    assert stale.missing


def test_smaller_updates_are_missed_over_some_steps(now):
    """A server that is always one step behind, and one that keeps its first adapter."""
    for behind in ("one step", "all steps"):
        steps, total, weights = 0, Update(), [now]
        while not total.missing and steps < 60:
            steps += 1
            weights.append(weights[-1] + logps(0.01, 10 * steps))
            server = weights[-2 if behind == "one step" else 0]
            found = compare(*(rounded(x, 10 * steps + i) for i, x in enumerate((server, *weights[:-3:-1]), 1)))
            total += found.update
        assert 1 < steps < 60


def test_an_update_that_rounding_hides_is_not_held_against_the_server(now):
    total = Update()
    for seed in range(5, 205):
        found = compare(rounded(now, seed), rounded(now, 3), rounded(now, 4)).update
        assert not found.missing
        total += found
    assert total.seen == pytest.approx(0.5, abs=0.01)


def test_without_an_update_nothing_is_said_of_it(now):
    assert compare(now, now, now).update.seen is None
    assert "sampling/update_seen" not in compare(now, now, now).metrics()


def test_the_numbers_of_a_mismatch(now):
    server = now.clone()
    server[0] -= 0.4
    found = compare(server, now, now)
    assert found.mean == pytest.approx(0.4 / TOKENS)
    assert found.max == pytest.approx(0.4)
    assert found.ratio == pytest.approx(1 + (2.718281828**0.4 - 1) / TOKENS, rel=1e-6)


def test_trls_numbers_of_a_mismatch_reach_the_log():
    """They name no clock, and of the updates of a step only the first has them."""
    log = RecordingLog()

    class Reward:
        batch = None

    steps = StepLog(2, Reward(), log)
    state = type("State", (), {"global_step": 1})
    found = {
        **{f"sampling/sampling_logp_difference/{kind}": 0.1 for kind in ("mean", "max")},
        **{f"sampling/importance_sampling_ratio/{kind}": 1.0 for kind in ("min", "mean", "max")},
    }
    steps.on_log(None, state, None, {"loss": 0.5, **found, "profiling/Time taken: vLLM.generate": 3.0})
    state.global_step = 2
    steps.on_log(None, state, None, {"loss": 0.5})
    ((_, metrics, _),) = log.steps
    assert metrics == {"loss": 0.5, **found}
