import pytest

from seif.atomic import write_json
from seif.config_file import build_config
from seif.engines.scripted import ScriptedEngine
from seif.errors import RunError
from seif.evaluation.audit import Audit, audit_of
from seif.evaluation.held_out import Judged
from seif.judges.audited import Reliance
from seif.models import JudgeWeights, ModelPool, filtering, judging, rewarding


class Engine(ScriptedEngine):
    """Notes when it is closed."""

    def __init__(self, closed, weights):
        super().__init__(lambda request: "[[1]]")
        self.closed, self.weights = closed, weights

    def close(self):
        self.closed.append(self.weights)


@pytest.fixture
def closed():
    return []


@pytest.fixture
def pool(closed, monkeypatch):
    """Settings -> a pool whose engines are scripted."""
    monkeypatch.setattr(ModelPool, "_load", lambda self, weights: Engine(closed, weights))
    return lambda **sections: ModelPool(build_config({"model": "base", **sections}, "test"))


def test_what_is_used_at_the_same_time_stays_loaded(pool, closed):
    with pool() as models, models.use("a") as a:
        with models.use("b"), models.use("a") as again:
            assert again is a
            assert set(models.loaded) == {"a", "b"}
        with models.use("c"):
            assert set(models.loaded) == {"a", "c"}
            assert closed == ["b"]
    assert sorted(closed) == ["a", "b", "c"]


def test_the_same_weights_are_loaded_once(pool, closed):
    with pool() as models:
        with models.use("a") as first:
            pass
        with models.use("a") as second:
            assert second is first
        assert closed == []


@pytest.mark.parametrize(
    ("sections", "loaded"),
    [
        ({"judger": {"kind": "rules"}}, set()),
        ({"judger": {"kind": "logprob"}}, {"judge"}),
        ({"judger": {"kind": "hybrid", "model": "generative"}}, {"judge"}),
    ],
)
def test_a_judge_loads_what_it_asks(pool, sections, loaded):
    with pool(**sections) as models, judging(models, "judge"):
        assert set(models.loaded) == loaded


def test_a_filter_of_rules_loads_nothing(pool):
    with pool(filter={"model": False}) as models, filtering(models, "filter"):
        assert models.loaded == {}
    with pool() as models, filtering(models, "filter"), judging(models, "filter"):
        assert set(models.loaded) == {"filter"}


def test_a_judge_that_is_reliable_on_nothing_is_not_loaded(pool, tmp_path, monkeypatch):
    guesses = [Judged(i, "punctuation:no_comma", i % 2 == 0, i % 4 < 2) for i in range(80)]
    audit = Audit(turn=1, judge=audit_of("judge", guesses, 0, Reliance()))
    write_json(tmp_path / "audit.json", audit.to_json())
    monkeypatch.setattr(ModelPool, "_load", lambda self, weights: pytest.fail("the judge was loaded"))
    weights = JudgeWeights("judge", audit=str(tmp_path / "audit.json"))
    with (
        pytest.raises(RunError, match="reliable on no type"),
        pool(judger={"kind": "logprob"}) as models,
        rewarding(models, weights),
    ):
        pass
