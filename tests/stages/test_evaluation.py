import pytest

from seif.atomic import read_json, write_json
from seif.config_file import build_config
from seif.constraints.compiler import compile_text
from seif.engines.base import Completion
from seif.engines.scripted import ScriptedEngine
from seif.evaluation.results import Evaluation, SuiteResult
from seif.evaluation.suites import SUITES, suite
from seif.instructions import write_instructions
from seif.models import JudgeWeights, ModelPool
from seif.stages import EvaluationRequest, evaluate
from seif.types import Instruction

TASKS = [
    Instruction("Why?", (compile_text("Avoid commas."),)),
    Instruction("How?", (compile_text("Use only lowercase."),)),
]
GENERATION = {
    "parsable": 0.9,
    "conflict_share": 0.1,
    "pool_conflict_share": 0.0,
    "top_type_share": 0.5,
    "type_entropy": 1.0,
    "pool": {"types": {"punctuation:no_comma": 1}, "mean_constraints": 1.0, "instructions": 1},
}


class Scripted(ScriptedEngine):
    """Answers for any weights, and notes when they come and go."""

    def __init__(self, weights, events):
        super().__init__(self.script)
        self.weights, self.events = weights, events
        events.append(f"load {weights}")

    def script(self, request):
        if request.top_logprobs:
            return Completion("1", "stop", {"1": -0.1, "0": -3.0})
        return Completion("It is old.", "stop")

    def close(self):
        self.events.append(f"close {self.weights}")


@pytest.fixture
def events(monkeypatch):
    """What the model pool loads and closes, in order."""
    found = []
    monkeypatch.setattr(ModelPool, "_load", lambda self, weights: Scripted(weights, found))
    monkeypatch.setattr(ModelPool, "cache", lambda self, weights: None)
    return found


@pytest.fixture
def request_(tmp_path):
    write_instructions(tmp_path / "held_out.parquet", TASKS)
    write_instructions(tmp_path / "instructions.parquet", TASKS[:1])
    write_json(tmp_path / "generation.json", GENERATION)
    return EvaluationRequest(
        turn=1,
        model="follower",
        judge=JudgeWeights("judger"),
        seeds=["Why?", "When?"],
        instructions=tmp_path / "instructions.parquet",
        generation=tmp_path / "generation.json",
        out=tmp_path / "evaluation.json",
        showcase=tmp_path / "showcase.json",
        checks=[{"punctuation:no_comma": [1, 0, 0, 1]}],
    )


def config(request, **changes):
    held_out = str(request.out.with_name("held_out.parquet"))
    settings = {"prompts": "compact", "judger": {"kind": "logprob"}, "follower": {"format": "plain"}}
    hard = {"templates": [{"prompt": "hard", "constraints": 3}]}
    return build_config({"model": "m", "held_out": held_out, "instructor": hard, **settings, **changes}, "test")


def test_follower_and_judger_are_loaded_once_each(request_, events):
    found = evaluate(config(request_), request_)
    assert events == ["load follower", "close follower", "load judger", "close judger"]
    assert found.greedy.constraint_accuracy == 0.5
    assert found.judger.balanced_accuracy == 0.5
    assert found.judger.in_training.recall_violated == 1.0
    assert found.instructor.types == {"punctuation:no_comma": 1}
    shown = read_json(request_.showcase)
    assert [entry["answer"] for entry in shown] == ["It is old.", None]
    assert Evaluation.from_json(read_json(request_.out), "test") == found
    assert "suites" not in read_json(request_.out)


def test_types_that_no_instructor_writes_are_measured_apart(request_, events, tmp_path):
    other = tmp_path / "held_out_types.parquet"
    write_instructions(other, [Instruction("Who?", (compile_text("Write at least 20 words."),))])
    found = evaluate(config(request_, held_out_types=str(other)), request_)
    assert found.greedy.constraint_accuracy == 0.5
    assert found.held_out_types["sampled"].per_type == {"length_constraints:number_words": 0.0}
    assert Evaluation.from_json(read_json(request_.out), "test") == found


def test_a_suite_that_loads_the_model_runs_when_the_engines_are_closed(request_, events):
    @suite("own-loader", loads_model=True)
    async def own_loader(engine, settings):
        return SuiteResult(numbers={"closed": float(events[-1] == "close judger")}, n=1)

    try:
        found = evaluate(config(request_, evaluation={"suites": ["own-loader"]}), request_)
    finally:
        SUITES.remove("own-loader")
    assert found.suites["own-loader"].numbers == {"closed": 1.0}


def test_no_judger_is_measured_where_the_config_says_so(request_, events):
    found = evaluate(config(request_, evaluation={"judger": False}), request_)
    assert events == ["load follower", "close follower"]
    assert found.judger.mean is None


class Crash(BaseException):
    """Stands for a kill: nothing may catch it."""


@pytest.mark.parametrize("crash_at", [2, 4, 5, 6])
def test_nothing_is_asked_twice_after_a_crash(request_, events, monkeypatch, crash_at):
    asked, crashes = [], [crash_at]

    def script(self, request):
        asked.append((self.weights, request.messages, request.temperature))
        if crashes and len(asked) == crashes[0]:
            crashes.clear()
            raise Crash
        if request.top_logprobs:
            return Completion("1", "stop", {"1": -0.1, "0": -3.0})
        return Completion("It is old.", "stop")

    monkeypatch.setattr(Scripted, "script", script)
    shown = config(request_, evaluation={"showcase": 0})
    with pytest.raises(Crash):
        evaluate(shown, request_)
    crashed = asked.pop(crash_at - 1)
    assert not request_.out.exists()
    found = evaluate(shown, request_)
    assert asked.count(crashed) == 1
    assert len(asked) == len({*map(str, asked)}) == 4 + 2
    assert (found.greedy.constraint_accuracy, found.judger.balanced_accuracy) == (0.5, 0.5)
    assert not list(request_.out.parent.glob("*.parts"))
