import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seif.artifacts import Beside
from seif.atomic import JsonLines, read_json
from seif.config_file import build_config
from seif.constraints.compiler import compile_text
from seif.engines.base import Completion
from seif.engines.scripted import ScriptedEngine
from seif.errors import RunError, UsageError
from seif.instructions import read_instructions, write_instructions
from seif.judges.audited import UNRELIABLE
from seif.judges.base import Judgement
from seif.models import JudgeWeights, ModelPool
from seif.scoring import item_seed
from seif.stage_log import Outcome
from seif.stages import GenerationRequest, generate
from seif.stages.generation import _identity
from seif.stages.last_turn import LastOutcomes
from seif.tables import ROW_GROUP, StoredTexts
from seif.types import Instruction, Verdict

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


def test_calls_are_counted_by_role(tmp_path, models):
    _, numbers = run(tmp_path)
    decisions = sum(bool(r.top_logprobs) for r in models.requests)
    assert numbers["calls"] == {"filter": decisions, "instructor": len(models.requests) - decisions}


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
    assert expected["calls"] == {"filter": 29 + 1 + 1, "instructor": 30 + 2 + 2}
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


@pytest.mark.parametrize(
    ("instructor", "changes", "request_changes"),
    [
        ({"probes": 1}, {"self_supervised": {"soft_types": ["punctuation:no_comma"]}}, {}),
        ({"probes": 1}, {}, {"judge": JudgeWeights("judge", audit="turn_01/audit.json")}),
        ({"allocation": "bandit"}, {}, {"outcomes": (Path("turn_01/outcomes.jsonl"),)}),
    ],
)
def test_a_generation_is_known_by_what_its_choices_depend_on(instructor, changes, request_changes):
    plain = config(instructor={"templates": [{"prompt": "hard", "constraints": 2}], **instructor})
    other = build_config({**plain.model_dump(mode="json"), **changes}, "test")
    request = GenerationRequest(2, "w", "f", "a", JudgeWeights("judge"), SEEDS, Path("out"), Path("stats"))
    assert _identity(plain, request) == _identity(plain, request)
    assert _identity(plain, request) != _identity(other, replace(request, **request_changes))


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


LOWER, COMMA, BULLETS, TITLE = (
    *("Use only lowercase.", "Avoid commas.", "Use exactly 3 bullet points."),
    "Include a title wrapped in double angular brackets.",
)


def listed(*texts):
    return json.dumps({f"c{n}": text for n, text in enumerate(texts, 1)})


class Gated(Models):
    """Writes one of two instructions, by the request's seed; `answer` says what the Follower answers to a prompt.

    The judge's rules are asked, so nobody else is.
    """

    def __init__(self):
        super().__init__()
        self.probed = []

    def script(self, request):
        if len(self.requests) == self.crash_at:
            raise Crash
        prompt = request.messages[-1]["content"]
        if request.top_logprobs:
            return Completion("", "stop", {"1": -0.1, "0": -3.0})
        if prompt.startswith("What is seed"):
            self.probed.append(prompt)
            return self.answer(prompt, request.seed)
        return self.write(request.seed)

    def write(self, seed):
        return listed(LOWER, COMMA) if seed % 2 else listed(TITLE, BULLETS)

    def answer(self, prompt, seed):
        return ("no commas here", "No Commas", "yes, a comma", "No, Sir")[seed % 4]


@pytest.fixture
def gated(monkeypatch):
    engine = Gated()
    monkeypatch.setattr(ModelPool, "_load", lambda self, weights: engine)
    monkeypatch.setattr(ModelPool, "cache", lambda self, weights: None)
    return engine


def gate(tmp_path, name="out.parquet", turn=1, last=None, **changes):
    instructor = {"templates": [{"prompt": "hard", "constraints": 2}], "attempts": 2, "type_quota": 1.0}
    instructor |= {"candidates": 3, "probes": 4, **changes.pop("instructor", {})}
    out = tmp_path / name
    settings = config(instructor=instructor, judger={"kind": "rules"}, **changes)
    judge = JudgeWeights("judge")
    generate(
        settings,
        GenerationRequest(
            turn, "writer", "filter", "follower", judge, SEEDS, out, Beside(out).stats, (last,) if last else ()
        ),
    )
    return read_instructions(out), read_json(Beside(out).stats)


def test_the_gate_keeps_what_is_sometimes_followed_and_drops_what_never_is(tmp_path, gated):
    found, numbers = gate(tmp_path)
    assert {tuple(c.text for c in x.constraints) for x in found} == {(LOWER, COMMA)}
    assert len({x.seed for x in found}) == len(found) > 10
    counts = numbers["gate"]
    assert counts["candidates"] == counts["probed"] == 3 * len(SEEDS)
    assert len(gated.probed) == 4 * counts["candidates"]
    assert counts["dropped_never"] > 20
    assert 0 < counts["mean_p"] < 1
    assert counts["edited"] == counts["dropped_unjudged"] == counts["over_quota"] == 0


def test_the_first_candidate_is_asked_as_without_a_gate(tmp_path, gated):
    plain, numbers = gate(tmp_path, "plain.parquet", instructor={"candidates": 1, "probes": 0})
    assert "gate" not in numbers
    first = {r.seed for r in gated.requests if not r.top_logprobs}
    assert first == {item_seed("generate", 0, 1, i, 0) for i in range(30)}
    gate(tmp_path)
    assert first < {r.seed for r in gated.requests}
    assert len(plain) == len(SEEDS)


def test_turn_0_measures_the_base_without_a_gate(tmp_path, gated):
    found, numbers = gate(tmp_path, turn=0)
    assert len(found) == len(SEEDS)
    assert not gated.probed
    assert "gate" not in numbers


def test_the_quota_bounds_the_share_of_a_type(tmp_path, gated):
    gated.answer = lambda prompt, seed: "<<A title>>\nyes, Sir" if seed % 2 else "* one\n* two\n* three\nno sir"
    found, numbers = gate(tmp_path, instructor={"type_quota": 0.3, "candidates": 4})
    types = [c.instruction_id for x in found for c in x.constraints]
    assert max(map(types.count, set(types))) <= 0.3 * 2 * len(SEEDS)
    assert numbers["gate"]["over_quota"] > 0


@pytest.mark.parametrize("crash_at", [2, 50, 95, 150, 300, 500])
def test_the_gate_asks_nothing_twice_after_a_crash(tmp_path, gated, crash_at, monkeypatch):
    monkeypatch.setattr("seif.stages.gate.PENDING", 16)
    expected, numbers = gate(tmp_path, "whole.parquet")
    asked = sorted(str((r.messages, r.seed)) for r in gated.requests)
    gated.requests.clear()
    gated.crash_at = crash_at
    with pytest.raises(Crash):
        gate(tmp_path)
    gated.crash_at = None
    assert gate(tmp_path) == (expected, numbers)
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    # What was under way is asked again.
    again = sorted(str((r.messages, r.seed)) for r in gated.requests)
    assert set(again) == set(asked)
    assert len(again) <= len(asked) + 20


def test_probes_that_failed_are_asked_again_and_too_many_stop_the_stage(tmp_path, gated):
    whole, numbers = gate(tmp_path, "whole.parquet")
    answer = gated.answer
    gated.answer = lambda prompt, seed: (
        Completion("", "error", error="timeout") if seed % 7 == 0 else answer(prompt, seed)
    )
    with pytest.raises(RunError, match="timeout"):
        gate(tmp_path)
    gated.answer = answer
    gated.probed.clear()
    assert gate(tmp_path) == (whole, numbers)
    assert 0 < len(gated.probed) < 4 * 3 * len(SEEDS)


def test_types_that_the_judge_is_not_asked_about_do_not_hide_failures(tmp_path, gated, monkeypatch):
    """One in twelve of the verdicts that the judge is asked for is missing; half of all constraints are not asked."""
    asked = []

    class Audited:
        async def judge(self, instruction, response, constraint):
            if constraint.text == LOWER:
                return Judgement(Verdict.UNJUDGED, cause=UNRELIABLE)
            asked.append(constraint)
            return Judgement(Verdict.SATISFIED) if len(asked) % 12 else Judgement(Verdict.UNJUDGED, cause="timeout")

    monkeypatch.setattr("seif.stages.gate.rewarding", lambda *_, cached: nullcontext(Audited()))
    gated.write = lambda seed: listed(LOWER, COMMA)
    with pytest.raises(RunError, match=r"8% of the verdicts are missing \(limit 5%; most often: timeout"):
        gate(tmp_path)


def test_what_nobody_judged_is_dropped_and_an_empty_pool_says_why(tmp_path, gated):
    gated.answer = lambda prompt, seed: ""
    with pytest.raises(
        RunError,
        match=r"of 90 candidates, 0 were always satisfied, 0 never, 90 could not be judged, and 0 were over .* "
        "in a new --run-dir",
    ):
        gate(tmp_path)


def test_a_turn_takes_other_seeds_than_the_one_before(tmp_path, gated):
    settings = {"seeds_per_turn": 12, "candidates": 1, "probes": 0}
    first, again, second = (
        [x.seed for x in gate(tmp_path, f"{n}.parquet", turn, instructor=settings)[0]]
        for n, turn in enumerate((1, 1, 2))
    )
    assert first == again != second
    assert len(first) == len(second) == 12
    assert first == sorted(first, key=SEEDS.index)


def test_held_out_types_are_not_written(tmp_path, gated):
    write_instructions(
        tmp_path / "held.parquet", [Instruction("What?", (compile_text(TITLE), compile_text("Be kind.")))]
    )
    settings = {"candidates": 1, "probes": 0, "attempts": 9}
    found, _ = gate(tmp_path, instructor=settings, held_out_types=str(tmp_path / "held.parquet"))
    assert {tuple(c.text for c in x.constraints) for x in found} == {(LOWER, COMMA)}


def outcomes(path, *rows):
    """A file of outcomes: ten rollouts of each instruction, given as (seed, constraint, satisfied, ...)."""
    for seed, *flat in rows:
        texts, satisfied = flat[::2], flat[1::2]
        outcome = Outcome(seed, tuple(texts), tuple(satisfied), (10,) * len(texts), (True,) * len(texts))
        JsonLines(path).append({"turn": 1, "stage": "train_follower", "step": 1, **asdict(outcome)})
    return path


def test_instructions_of_the_turn_before_come_back_edited(tmp_path, gated):
    last = outcomes(
        tmp_path / "outcomes.jsonl",
        *((seed, LOWER, 0, COMMA, 5) for seed in SEEDS[:10]),
        *((seed, LOWER, 10, COMMA, 10) for seed in SEEDS[10:]),
    )
    gated.write = lambda seed: listed(TITLE, BULLETS)
    found, numbers = gate(tmp_path, turn=2, last=last, instructor={"edits": 1.0})
    assert numbers["gate"]["edited"] == len(SEEDS)
    assert numbers["drawn"] == 3 * len(SEEDS)
    texts = {x.seed: tuple(c.text for c in x.constraints) for x in found}
    assert {texts[seed] for seed in SEEDS[:10] if seed in texts} == {(COMMA,)}
    assert {texts[seed] for seed in SEEDS[10:] if seed in texts} == {(LOWER, COMMA, TITLE)}


def test_only_a_share_is_edited_and_a_crash_changes_nothing(tmp_path, gated):
    last = outcomes(tmp_path / "outcomes.jsonl", *((seed, LOWER, 5, COMMA, 5) for seed in SEEDS))
    expected, numbers = gate(tmp_path, "whole.parquet", 2, last, instructor={"edits": 0.5})
    assert 5 < numbers["gate"]["edited"] < 25
    for crash_at in (100, 195, 300):
        gated.requests.clear()
        gated.crash_at = crash_at
        with pytest.raises(Crash):
            gate(tmp_path, "out.parquet", 2, last, instructor={"edits": 0.5})
    gated.crash_at = None
    assert gate(tmp_path, "out.parquet", 2, last, instructor={"edits": 0.5}) == (expected, numbers)


def test_what_came_back_in_the_turn_before_is_not_edited(tmp_path, gated):
    path = outcomes(tmp_path / "outcomes.jsonl", (SEEDS[0], LOWER, 5, COMMA, 5))
    (own,) = JsonLines(path).read()
    JsonLines(path).append(
        {**own, "satisfied": [0], "judged": [10], "constraints": [TITLE], "best": [False], "own": False}
    )
    with LastOutcomes(path) as last:
        assert last.get(SEEDS[0]).constraints == (LOWER, COMMA)
