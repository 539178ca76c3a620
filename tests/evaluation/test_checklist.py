import asyncio
import json
from contextlib import contextmanager
from dataclasses import replace

import pytest

from seif.config_file import build_config
from seif.engines.base import Completion
from seif.engines.scripted import ScriptedEngine
from seif.errors import RunError, UsageError
from seif.evaluation import checklist
from seif.evaluation.criteria import load_items
from seif.evaluation.satisfaction import depending, satisfaction
from seif.evaluation.suites import SuiteSettings
from seif.judges.base import Judgement
from seif.judges.rules import RulesJudge
from seif.types import Verdict

YES, NO, NONE = Verdict.SATISFIED, Verdict.VIOLATED, Verdict.UNJUDGED
SENTENCES = "Use at least 2 sentences."


class ScriptedJudge:
    """Finds satisfied what the reply holds word for word; says nothing about `sulk`."""

    def __init__(self):
        self.asked = []

    async def judge(self, instruction, response, constraint):
        self.asked.append((instruction.prompt, response, constraint.text))
        if constraint.text == "sulk":
            return Judgement(NONE, cause="cut off")
        return Judgement(Verdict.of(constraint.text in response), 0.75)


@pytest.fixture
def write(tmp_path):
    def write(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


def run(path, judge, script=lambda request: "It is warm. It is old.", **changes):
    @contextmanager
    def judging():
        yield judge

    config = build_config({"model": "m", "judger": {"max_unjudged": changes.pop("max_unjudged", 0.9)}}, "test")
    engine = ScriptedEngine(script)
    settings = replace(SuiteSettings(config, "m", prompts=path, judge=judging), **changes)
    return asyncio.run(checklist.checklist(engine, settings)), engine


def items(write, *rows):
    return load_items(write(*({"prompt": "Why?", **row} for row in rows)))


# --- rows -------------------------------------------------------------------------------------------------------------


def test_a_chat_with_tools_reaches_the_engine_and_the_judge(write):
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Is it old?"},
    ]
    tool = {"type": "function", "function": {"name": "look"}}
    judge = ScriptedJudge()
    _, engine = run(write({"messages": messages, "tools": [tool], "criteria": ["warm"]}), judge)
    assert engine.requests[0].messages == messages
    assert list(engine.requests[0].tools) == [tool]
    shown = judge.asked[0][0]
    assert [shown.index(part) for part in ('"look"', "System: Be kind.", "User: Is it old?")] == sorted(
        shown.index(part) for part in ('"look"', "System: Be kind.", "User: Is it old?")
    )


def test_a_single_prompt_is_shown_to_the_judge_as_it_is(write):
    judge = ScriptedJudge()
    run(write({"prompt": "Is it old?", "criteria": ["warm"]}), judge)
    assert judge.asked == [("Is it old?", "It is warm. It is old.", "warm")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "Why?"}, "row 1: needs `criteria`"),
        ({"prompt": " ", "criteria": ["a"]}, "row 1: needs `prompt`"),
        ({"prompt": "Why?", "criteria": [3]}, "criterion 1: must be a text"),
        ({"prompt": "Why?", "criteria": [{"text": " "}]}, "criterion 1: must be a text"),
        ({"prompt": "Why?", "criteria": [{"text": "a", "priority": "first"}]}, "must be primary or secondary"),
        ({"prompt": "Why?", "criteria": [{"text": "a", "depends_on": [4]}]}, "names 4"),
        ({"prompt": "Why?", "criteria": ["b", {"text": "a", "depends_on": 1}]}, "the criterion itself"),
        ({"prompt": "Why?", "criteria": [{"text": "a", "instruction_id": "no:such"}]}, "no:such"),
        ({"messages": [{"role": "user"}], "criteria": ["a"]}, "message 1: needs `role`"),
        ({"messages": [{"role": "assistant", "content": "a"}], "criteria": ["a"]}, "last message"),
        ({"prompt": "Why?", "criteria": ["a"], "tools": ["look"]}, "list of objects"),
        ({"prompt": "Why?", "criteria": "a"}, "not JSON"),
    ],
)
def test_what_cannot_be_asked_is_named_by_row(write, row, message):
    with pytest.raises(UsageError, match=message):
        load_items(write(row))


def test_a_criterion_may_name_its_rule(write):
    (item,) = items(write, {"criteria": [{"text": "no commas", "instruction_id": "punctuation:no_comma"}]})
    assert item.criteria[0].constraint.instruction_id == "punctuation:no_comma"


# --- judging ----------------------------------------------------------------------------------------------------------


def test_rules_come_first_and_cost_no_call(write):
    judge = ScriptedJudge()
    result, _ = run(write({"prompt": "Why?", "criteria": [SENTENCES, "warm", "cold"]}), judge)
    assert [text for _, _, text in judge.asked] == ["warm", "cold"]
    assert result.numbers["CSR"] == pytest.approx(2 / 3)
    assert "1 of 3 criteria checked by rules" in result.lines


def test_rules_alone_leave_the_rest_unjudged(write):
    result, _ = run(write({"prompt": "Why?", "criteria": [SENTENCES, "warm"]}), RulesJudge())
    assert (result.numbers["CSR"], result.details["unjudged"]) == (1.0, 1)
    assert "ISR" not in result.numbers


def test_an_empty_reply_satisfies_nothing_and_nobody_is_asked(write):
    judge = ScriptedJudge()
    result, _ = run(write({"prompt": "Why?", "criteria": ["warm"]}), judge, lambda request: "<think>warm</think>")
    assert (result.numbers["ISR"], judge.asked) == (0.0, [])


def test_a_row_without_a_reply_is_unjudged(write):
    rows = [{"prompt": prompt, "criteria": ["warm"]} for prompt in ("Why?", "How?")]

    def script(request):
        why = request.messages[0]["content"] == "Why?"
        return Completion("", "error", error="context too long") if why else "warm"

    result, _ = run(write(*rows), ScriptedJudge(), script)
    assert (result.numbers["CSR"], result.details["unjudged"]) == (1.0, 1)
    assert "1 unjudged, in no measure (1 no reply: context too long)" in result.lines


def test_too_many_without_a_verdict_are_an_error(write):
    with pytest.raises(RunError, match="cut off"):
        run(write({"prompt": "Why?", "criteria": ["sulk", "warm"]}), ScriptedJudge(), max_unjudged=0.1)


def test_a_resumed_suite_asks_for_what_is_missing_alone(write, tmp_path):
    path = write({"prompt": "Why?", "criteria": ["warm", "sulk"]}, {"prompt": "How?", "criteria": ["cold"]})
    first, second = ScriptedJudge(), ScriptedJudge()
    before, _ = run(path, first, parts=tmp_path / "parts")
    after, engine = run(path, second, parts=tmp_path / "parts")
    assert (len(first.asked), [text for _, _, text in second.asked], engine.requests) == (3, ["sulk"], [])
    assert before.details == after.details


def test_every_verdict_is_written_with_its_reply(write, tmp_path):
    out = tmp_path / "responses.jsonl"
    criteria = [{"text": "cold", "id": "a"}, {"text": "warm", "depends_on": ["a"]}]
    run(write({"prompt": "Why?", "criteria": criteria}), ScriptedJudge(), responses=out)
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["response"] == "It is warm. It is old."
    assert [(c["verdict"], c["with_dependencies"], c["by"]) for c in record["criteria"]] == [
        ("violated", "violated", "judge"),
        ("satisfied", "violated", "judge"),
    ]


def test_a_judge_must_be_named(write):
    settings = SuiteSettings(build_config({"model": "m"}, "test"), "m", prompts=write({"prompt": "a"}))
    with pytest.raises(UsageError, match="give --judge-model"):
        checklist._check(settings)


# --- measures ---------------------------------------------------------------------------------------------------------


def test_csr_isr_and_drfr(write):
    rows = items(write, {"criteria": ["a", "b"]}, {"criteria": ["a", "b", "c", "d"]})
    found = satisfaction(rows, [[YES, YES], [YES, NO, NO, NO]])
    assert (found.csr.value, found.isr.value, found.drfr.value) == (0.625, 0.5, 0.5)
    assert found.csr.stderr == pytest.approx(0.375)
    assert found.drfr.stderr == pytest.approx((1 + 1) ** 0.5 / 6)
    assert (found.csr.low, found.csr.high) == (0.0, 1.0)
    assert found.isr.low < 0.5 < found.isr.high
    assert found.psr.value is None


def test_what_is_unjudged_is_in_no_measure(write):
    rows = items(write, *[{"criteria": ["a", "b"]}] * 3)
    found = satisfaction(rows, [[YES, NONE], [NO, NONE], [NONE, NONE]])
    # The second row is violated whatever the missing verdict is; the first may be either.
    assert (found.isr.value, found.isr.n) == (0.0, 1)
    assert (found.csr.value, found.csr.n, found.drfr.value, found.unjudged) == (0.5, 2, 0.5, 4)


@pytest.mark.parametrize(
    ("priorities", "verdicts", "psr"),
    [
        ("ps", [YES, YES], 1.0),
        ("ps", [NO, YES], 0.0),
        ("psss", [YES, YES, YES, NO], 1.0),
        ("pss", [YES, YES, NO], 0.0),
        ("pp", [YES, YES], 1.0),
        ("ssss", [YES, YES, YES, NO], 0.0),
        ("pss", [NO, NONE, YES], 0.0),
        ("pss", [YES, NONE, YES], None),
        ("psss", [YES, YES, YES, NONE], 1.0),
    ],
)
def test_psr_wants_all_primary_and_enough_secondary_criteria(write, priorities, verdicts, psr):
    names = {"p": "primary", "s": "次需"}
    rows = items(write, {"criteria": [{"text": "a", "priority": names[p]} for p in priorities]})
    assert satisfaction(rows, [verdicts]).psr.value == psr


def test_hsr_and_ssr_by_level(write):
    rows = items(write, *({"criteria": ["a", "b"], "level": level} for level in (1, 1, 2)))
    found = satisfaction(rows, [[YES, YES], [YES, NO], [NO, NO]])
    assert {level: (r.hsr.value, r.ssr.value, r.hsr.n) for level, r in found.levels.items()} == {
        "1": (0.5, 0.75, 2),
        "2": (0.0, 0.0, 1),
    }
    assert {"HSR level 1", "SSR level 2"} <= set(checklist.rates(found))


@pytest.mark.parametrize(
    ("verdicts", "joined"),
    [
        ([YES, YES, YES], [YES, YES, YES]),
        ([NO, YES, YES], [NO, NO, YES]),
        ([YES, NO, YES], [YES, NO, NO]),
        ([NONE, YES, YES], [NONE, NONE, YES]),
        ([NONE, NO, NONE], [NONE, NO, NO]),
    ],
)
def test_a_criterion_counts_where_those_it_depends_on_hold(write, verdicts, joined):
    criteria = [{"text": "a", "id": "first"}, {"text": "b", "depends_on": "first"}, {"text": "c", "depends_on": [1]}]
    (item,) = items(write, {"criteria": criteria})
    assert depending(item, verdicts) == joined
