"""Judgements that are kept beside an output, by a judge that fails when told."""

import json
from pathlib import Path

import pytest

from seif.cli.judged_file import Responses
from seif.config_file import build_config
from seif.errors import RunError, UsageError
from seif.judges import JUDGES, Judgement, register_judge
from seif.judging import judgements_beside
from seif.types import Verdict

ROWS = 10


class Failing:
    """Judges what it is allowed to, then raises; what it has been asked is noted."""

    def __init__(self):
        self.asked, self.allowed, self.unjudged = [], ROWS, ()

    async def judge(self, instruction, response, constraint):
        if len(self.asked) == self.allowed:
            raise RunError("enough")
        self.asked.append(response)
        if response in self.unjudged:
            return Judgement(Verdict.UNJUDGED, cause="asleep")
        return Judgement(Verdict.of(int(response) % 2 == 0), int(response) / 7)


@pytest.fixture
def judge():
    """A registered judge of the kind `failing`."""
    failing = Failing()
    register_judge("failing", uses_model=False)(lambda context: failing)
    yield failing
    JUDGES.remove("failing")


@pytest.fixture
def judged(tmp_path, judge):
    """Judges ROWS responses, "0" to "9", as the command does, allowing so many questions; what is known of each."""

    def judged(allowed=ROWS, kind="failing", rows=ROWS):
        file, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
        lines = [{"prompt": "Why?", "response": str(i), "constraint": ["Be kind."]} for i in range(rows)]
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        judge.allowed, judge.asked = allowed, []
        config = build_config({"model": "none", "judger": {"kind": kind}}, "test")
        with judgements_beside(out, config, file, Responses(file, by_rules=False)) as known:
            return [known(number) for number in range(rows)]

    return judged


def parts(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock"))


def test_what_is_judged_is_not_asked_again(judged, judge, tmp_path):
    whole = judged()
    assert whole[3] == [Judgement(Verdict.VIOLATED, 3 / 7)]
    assert parts(tmp_path) == ["rows.jsonl"]
    with pytest.raises(RunError, match="enough"):
        judged(allowed=4)
    assert parts(tmp_path) == ["out.jsonl.parts", "rows.jsonl"]
    assert judged() == whole
    assert judge.asked == ["4", "5", "6", "7", "8", "9"]
    assert parts(tmp_path) == ["rows.jsonl"]


def test_what_could_not_be_judged_is_asked_again(judged, judge):
    judge.unjudged = ("1", "2")
    with pytest.raises(RunError):
        judged(allowed=8)
    judge.unjudged = ("2",)
    found = judged()
    assert judge.asked == ["1", "2", "8", "9"]
    assert [judgement.verdict.name for (judgement,) in found[:4]] == ["SATISFIED", "VIOLATED", "UNJUDGED", "VIOLATED"]
    assert found[2] == [Judgement(Verdict.UNJUDGED, cause="asleep")]


def test_where_nothing_was_judged_nothing_is_left(judged, tmp_path):
    with pytest.raises(RunError):
        judged(allowed=0)
    assert parts(tmp_path) == ["rows.jsonl"]


@pytest.mark.parametrize("change", [{"rows": 9}, {"kind": "rules"}])
def test_another_file_or_judge_does_not_go_on(judged, change):
    with pytest.raises(RunError):
        judged(allowed=4)
    with pytest.raises(UsageError, match="holds work on another model, data or config; remove it"):
        judged(**change)
