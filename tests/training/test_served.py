from pathlib import Path

import pytest
import torch

from seif.config import Grpo, Lora
from seif.engines.local import LocalEngine
from seif.engines.policy import SampledTokens
from seif.errors import RunError
from seif.training.callbacks import StepLog
from seif.training.grpo import train
from seif.training.job import GrpoJob
from seif.training.rollouts import RewardBatch
from seif.training.served import compare
from support import NANO, Kill, RecordingLog

TOKENS = 4000
SETTINGS = Grpo(
    sampler="served", learning_rate=2e-3, prompts_per_step=2, samples=3, updates_per_step=1, micro_batch=4, kl=0.05,
    temperature=0.8, max_prompt_tokens=64, max_new_tokens=12, gradient_checkpointing=False,
)  # fmt: skip
PROMPTS = [[{"role": "user", "content": f"Tell me about the {thing}."}] for thing in ("river", "cat", "train")]


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
    assert found.update.shown
    assert not found.update.missing
    assert compare(before, now, before).update.seen == 0
    assert compare(before, now, before).update.missing


def test_an_update_of_the_size_of_rounding_is_missed_at_once(now):
    older = now + logps(0.03, 2)
    fresh, kept = (compare(rounded(served, 5), rounded(now, 3), rounded(older, 4)).update for served in (now, older))
    assert fresh.shown
    assert not fresh.missing
    assert kept.missing
    assert not kept.shown


def test_updates_that_are_hidden_one_by_one_show_together(now):
    """And a server that keeps the older adapter is noticed as soon as they do."""
    older, weights, found = rounded(now, 1), now, []
    for step in range(1, 60):
        weights = weights + logps(0.005, 10 * step)
        found.append(
            [
                compare(rounded(served, 10 * step + 1), rounded(weights, 10 * step + 2), older).update
                for served in (weights, now)
            ]
        )
    shown, missing = [fresh.shown for fresh, _ in found], [kept.missing for _, kept in found]
    assert not any(fresh.missing or kept.shown for fresh, kept in found)
    assert not any(shown[:3] + missing[:3])
    assert all(shown[30:] + missing[50:])


def test_an_update_that_rounding_hides_is_not_held_against_the_server(now):
    for seed in range(5, 205):
        found = compare(rounded(now, seed), rounded(now, 3), rounded(now, 4)).update
        assert not found.missing
        assert not found.shown
        assert found.seen == pytest.approx(0.5, abs=0.04)


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


class LocalPolicy:
    """Stands for the server: the adapter that was pushed, in process. `lag`: how many versions it is behind."""

    dtype, log = "float32", Path("server.log")

    def __init__(self, lag=0):
        self.lag, self.versions, self.pushed = lag, [], []

    def push(self, adapter):
        self.pushed.append(adapter)
        self.versions.append(LocalEngine.load(adapter, dtype="float32"))

    def sample(self, requests):
        assert self.pushed[-1].is_dir()
        assert not any(adapter.exists() for adapter in self.pushed[:-1])
        engine = self.versions[max(0, len(self.versions) - 1 - self.lag)]
        temperature, length = requests[0].temperature, requests[0].max_tokens
        found = engine.sample_tokens([r.prompt for r in requests], length, temperature, [r.seed for r in requests])
        return [
            SampledTokens(ids, self._logprobs(engine.model, request, ids))
            for request, ids in zip(requests, found, strict=True)
        ]

    @torch.no_grad()
    def _logprobs(self, model, request, ids):
        logits = model(torch.tensor([[*request.prompt, *ids]])).logits[0, len(request.prompt) - 1 : -1]
        return (logits / request.temperature).log_softmax(-1).gather(1, torch.tensor(ids)[:, None])[:, 0].tolist()


async def short_is_good(samples, step):
    return RewardBatch([1 / (1 + len(s.text)) for s in samples], {}, [{"text": s.text} for s in samples])


def run(folder, policy, kill_at=None, reward=short_is_good, **changes):
    log = RecordingLog(kill_at)
    job = GrpoJob(
        model=str(NANO / "model"),
        prompts=PROMPTS,
        steps=3,
        settings=SETTINGS.model_copy(update=changes),
        seed=7,
        lora=Lora(r=4, alpha=8),
        work=folder / "work",
        out=folder / "out",
    )
    train(job, reward, log, policy)
    return log


@pytest.mark.slow
@pytest.mark.parametrize("correction", ["sequence_mask", "none"])
def test_a_killed_stage_samples_the_same_rollouts_and_ends_the_same(tmp_path, correction):
    policy = LocalPolicy()
    whole = run(tmp_path / "whole", policy, importance_correction=correction)
    assert [adapter.name for adapter in policy.pushed] == ["policy-000000", "policy-000001", "policy-000002"]
    for number, metrics, _ in whole.steps:
        assert metrics["sampling/sampling_logp_difference/max"] < 1e-4
        assert metrics["sampling/importance_sampling_ratio/mean"] == pytest.approx(1, abs=1e-4)
        assert number == 1 or metrics["sampling/update_seen"] > 0.95
        # Of all rollouts with a correction, else of those that were checked.
        assert ("sampling/importance_sampling_ratio/min" in metrics) == (correction != "none")
    with pytest.raises(Kill):
        run(tmp_path / "cut", LocalPolicy(), kill_at=2, importance_correction=correction)
    resumed = run(tmp_path / "cut", LocalPolicy(), importance_correction=correction)
    assert resumed.resumed_at == 1
    assert [records for *_, records in resumed.steps] == [records for *_, records in whole.steps[1:]]
    assert [m["grad_norm"] for _, m, _ in resumed.steps] == [m["grad_norm"] for _, m, _ in whole.steps[1:]]


@pytest.mark.slow
def test_an_older_adapter_is_refused_before_anything_is_rewarded(tmp_path):
    rewarded = []

    async def reward(samples, step):
        rewarded.append(step)
        return await short_is_good(samples, step)

    with pytest.raises(RunError, match=r"pushed after update 1: .*\(bound 0.0001\).*its log: server.log") as refused:
        run(tmp_path, LocalPolicy(lag=1), reward=reward)
    assert "\n" not in str(refused.value)
    assert rewarded == [1]
