import json

import pyarrow.parquet as pq
import pytest

from seif.artifacts import Beside
from seif.atomic import read_json
from seif.config_file import build_config
from seif.engines.base import Completion
from seif.engines.scripted import ScriptedEngine
from seif.errors import RunError, UsageError
from seif.instructions import read_instructions
from seif.models import JudgeWeights, ModelPool
from seif.scoring import item_seed
from seif.stages import GenerationRequest, generate
from seif.tables import ROW_GROUP, StoredTexts

GOOD = json.dumps({"c1": "Use only lowercase.", "c2": "Avoid commas."})
ODD = json.dumps({"c1": "Use only lowercase.", "c2": "Be kind."})


class Crash(BaseException):
    """Stands for a kill: nothing may catch it."""


class Models(ScriptedEngine):
    """Writes and filters; every third seed needs a second attempt, and the fifth one's instruction is refused.

    Crashes at call number `crash_at`.
    """

    def __init__(self):
        super().__init__(self.script)
        self.crash_at = None

    def script(self, request):
        if len(self.requests) == self.crash_at:
            raise Crash
        prompt = request.messages[-1]["content"]
        if request.top_logprobs:
            accepts = "Be rude." not in prompt
            first = {"1": -0.1, "0": -3.0} if accepts else {"1": -3.0, "0": -0.1}
            return Completion("", "stop", first, prompt_tokens=len(prompt), new_tokens=1)
        number = int(prompt.partition("seed ")[2].partition("?")[0])
        text = ODD.replace("kind", "rude") if number == 5 else ODD
        if number % 3 == 0:
            text = "no JSON" if request.seed == item_seed("generate", 0, 1, number, 0) else GOOD
        return Completion(text, "stop", prompt_tokens=len(prompt), new_tokens=len(text))

    def close(self):
        pass


@pytest.fixture
def models(monkeypatch):
    engine = Models()
    monkeypatch.setattr(ModelPool, "_load", lambda self, weights: engine)
    monkeypatch.setattr(ModelPool, "cache", lambda self, weights: None)
    return engine


def config(**changes):
    instructor = {"templates": [{"prompt": "hard", "constraints": 2}], "attempts": 3, "known_types": False}
    compact = {"prompts": "compact", "judger": {"kind": "logprob"}, "follower": {"format": "plain"}}
    return build_config({"model": "m", "seed": 0, "instructor": instructor, **compact, **changes}, "test")


SEEDS = [f"What is seed {i}?" for i in range(30)]


def run(tmp_path, name="out.parquet", seeds=SEEDS, **changes):
    out = tmp_path / name
    judge = JudgeWeights("judge")
    request = GenerationRequest(1, "writer", "filter", "follower", judge, seeds, out, Beside(out).stats)
    generate(config(**changes), request)
    return read_instructions(out), read_json(Beside(out).stats)


def test_every_seed_gets_its_instruction_in_the_order_of_the_seeds(tmp_path, models):
    found, numbers = run(tmp_path)
    assert [x.seed for x in found] == [seed for i, seed in enumerate(SEEDS) if i != 5]
    assert [x.constraints[1].text for x in found[:3]] == ["Avoid commas.", "Be kind.", "Be kind."]
    assert numbers["drawn"] == 30 + 11 + 1
    assert numbers["parsable"] == pytest.approx((30 - 10 + 11 + 1) / 42)
    assert list(tmp_path.glob("*.parts")) == []


def test_tokens_are_counted_by_role(tmp_path, models):
    _, numbers = run(tmp_path)
    assert numbers["tokens"] == {
        "filter": sum(len(r.messages[-1]["content"]) + 1 for r in models.requests if r.top_logprobs),
        "instructor": sum(
            len(r.messages[-1]["content"]) + len(models.script(r).text) for r in models.requests if not r.top_logprobs
        ),
    }


def test_an_unreadable_decision_counts_once(tmp_path, models):
    """It is not kept, and asked again after a kill: the tokens are those of a run without one."""

    def script(request):
        prompt = request.messages[-1]["content"]
        if request.top_logprobs:
            first = {} if "Be rude." in prompt else {"1": -0.1, "0": -3.0}
            return Completion("", "stop", first, prompt_tokens=10, new_tokens=1)
        if len(models.requests) == models.crash_at:
            raise Crash
        text = "no JSON" if "seed 3?" in prompt else ODD.replace("kind", "rude") if "seed 7?" in prompt else ODD
        return Completion(text, "stop", new_tokens=5)

    models.script = script
    limit = {"judger": {"kind": "logprob", "max_unjudged": 0.5}}
    _, expected = run(tmp_path, "whole.parquet", **limit)
    assert expected["tokens"] == {"filter": 11 * (29 + 1 + 1), "instructor": 5 * (30 + 2 + 2)}
    models.requests.clear()
    models.crash_at = 30 + 29 + 1
    with pytest.raises(Crash):
        run(tmp_path, **limit)
    models.crash_at = None
    assert run(tmp_path, **limit)[1] == expected


@pytest.mark.parametrize("crash_at", [1, 17, 31, 45, 60, 70])
def test_no_item_is_asked_twice_after_a_crash(tmp_path, models, crash_at):
    expected, numbers = run(tmp_path, "whole.parquet")
    asked = [(r.messages, r.seed, r.top_logprobs) for r in models.requests]
    models.requests.clear()
    models.crash_at = crash_at
    with pytest.raises(Crash):
        run(tmp_path)
    assert not (tmp_path / "out.parquet").exists()
    models.crash_at = None
    found, again = run(tmp_path)
    assert (found, again) == (expected, numbers)
    repeated = [(r.messages, r.seed, r.top_logprobs) for r in models.requests]
    del repeated[crash_at - 1]
    assert sorted(map(str, repeated)) == sorted(map(str, asked))
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_the_parts_of_another_generation_are_refused(tmp_path, models):
    models.crash_at = 9
    with pytest.raises(Crash):
        run(tmp_path)
    models.crash_at = None
    with pytest.raises(UsageError, match="holds work on another model, data or config"):
        run(tmp_path, seeds=[*SEEDS[1:], "What is seed 99?"])
    assert len(run(tmp_path)[0]) == 29


def test_a_failed_request_is_asked_again_and_decides_nothing(tmp_path, models):
    down = True

    def failing(request):
        if request.top_logprobs and down:
            return Completion("", "error", error="timeout")
        return Completion(ODD, "stop", {"1": -0.1, "0": -3.0})

    models.script = failing
    with pytest.raises(RunError, match="timeout"):
        run(tmp_path)
    written = sum(not r.top_logprobs for r in models.requests)
    down = False
    models.requests.clear()
    found, _ = run(tmp_path)
    assert len(found) == len(SEEDS)
    assert all(r.top_logprobs for r in models.requests)
    assert written == 3 * len(SEEDS)


def test_a_collapse_leaves_nothing_behind(tmp_path, models):
    models.script = lambda request: "no JSON"
    with pytest.raises(RunError, match="none of 30 seeds"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_seeds_on_disk_and_several_row_groups(tmp_path, models):
    models.script = lambda request: Completion(ODD, "stop", {"1": -0.1, "0": -3.0})
    texts = [f"What is seed {i}?" for i in range(2 * ROW_GROUP + 7)]
    StoredTexts.write(tmp_path / "seeds.parquet", "prompt", texts)
    found, _ = run(tmp_path, seeds=StoredTexts(tmp_path / "seeds.parquet"))
    assert [x.seed for x in found] == texts
    assert pq.ParquetFile(tmp_path / "out.parquet").metadata.num_row_groups == 3
