import json

import pytest
import yaml
from benchmarks.server import Behaviour, running

import support
from seif.cli.judged_file import read

ROWS = [
    {
        "prompt": "Why?\nAvoid commas.\nBe kind.",
        "response": "It is old, friend.",
        "constraint": ["Avoid commas.", "Be kind."],
        "id": 7,
    },
    {"seed_question": "How?", "prompt": "ignored", "response": "it is so", "constraint": ["Use only lowercase."]},
]


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Run `seif judge` in this process on ROWS, or other rows; returns (exit code, stdout, stderr)."""

    def invoke(*arguments, rows=ROWS):
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return support.call(capsys, monkeypatch, "judge", file, *arguments)

    return invoke


@pytest.fixture
def server(tmp_path):
    with running(Behaviour(answer_s=0.001, verdict_s=0.001)) as (url, running_server):
        config = tmp_path / "config.yaml"
        config.write_text(
            yaml.safe_dump({"model": "fake", "engine": {"kind": "openai", "base_urls": [url], "retries": 1}})
        )
        yield config, running_server


@pytest.mark.parametrize("judger", ["generative", "logprob"])
def test_verdicts_and_agreement_with_the_rules(call, server, tmp_path, judger):
    out = tmp_path / "out.jsonl"
    code, shown, _ = call("--model", "fake", "--config", server[0], "--judger", judger, "--out", out, "--json")
    numbers = json.loads(shown)
    assert code == 0
    assert (numbers["judger"], numbers["rows"], numbers["verdicts"], numbers["unjudged"]) == (judger, 2, 3, {})
    assert set(numbers["agreement"]["per_type"]) == {"punctuation:no_comma", "change_case:english_lowercase"}
    assert numbers["agreement"]["verifier_mean"] == 0.5
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [len(line["verdicts"]) for line in lines] == [2, 1]
    assert lines[0]["id"] == 7
    assert (lines[0]["probabilities"][0] is not None) == (judger == "logprob")


def test_a_repeated_judging_asks_nothing_of_the_server(call, server, tmp_path):
    out = tmp_path / "out.jsonl"
    options = ("--model", "fake", "--config", server[0], "--out", out, "--json")
    first = call(*options)[1]
    out.unlink()
    asked = len(server[1].log)
    assert call(*options)[1] == first
    assert len(server[1].log) == asked + 1  # the tiny question beforehand


def test_rules_need_no_model_and_leave_the_rest_unjudged(call):
    code, shown, _ = call("--judger", "rules", "--json")
    numbers = json.loads(shown)
    assert code == 0
    assert (numbers["satisfied"], numbers["violated"], numbers["unjudged"]) == (1, 1, {"no rule": 1})
    assert (
        "3 verdicts on 2 rows: 1 satisfied, 1 violated, 1 unjudged (1 no rule)"
        in call("--model", "none", "--judger", "rules")[1]
    )


def test_settings_need_no_config(call):
    code, shown, _ = call("--set", "judger.kind=rules", "--json")
    assert (code, json.loads(shown)["judger"]) == (0, "rules")
    code, _, err = call("--set", "judger.knd=rules")
    assert code == 2
    assert err == "error: --set judger.knd=rules: unknown key 'judger.knd'; did you mean 'judger.kind'?\n"


def test_a_prompt_that_holds_its_constraints_is_not_given_them_twice(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    first, second = (row.response.instruction for row in read(file, by_rules=False))
    assert (first.seed, first.prompt) == ("Why?", ROWS[0]["prompt"])
    assert second.prompt == "How?\nUse only lowercase."


def test_too_many_unjudged_are_told_after_the_verdicts_are_written(call, server, tmp_path):
    out = tmp_path / "out.jsonl"
    whole = server[1].respond

    async def failing(method, path, authorization, body):
        judging = b"check whether an answer" in body and b"Be kind" in body
        return (500, b"{}", {}) if judging else await whole(method, path, authorization, body)

    server[1].respond = failing
    code, _, err = call("--model", "fake", "--config", server[0], "--out", out)
    assert code == 3
    assert "of the verdicts are missing" in err
    assert len(err.strip().splitlines()) == 1
    assert len(out.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"response": "x", "constraint": ["Be kind."]}, "row 1: needs `response` and `seed_question` or `prompt`"),
        ({"prompt": "x", "constraint": ["Be kind."]}, "row 1: needs `response`"),
        ({"prompt": "x", "response": "y", "constraint": []}, "row 1: needs `constraint`"),
        ({"prompt": "x", "response": "y"}, "needs `constraint`"),
        (
            {"prompt": "x", "response": "y", "constraints": ["Be kind."]},
            "row 1: needs `constraint`, a list of at least one text; rename `constraints`\n",
        ),
        ({"prompt": "x", "response": "y", "constraint": "Be kind."}, "row 1: needs `constraint`, a list of at least "),
        ({"prompt": "x", "response": "y", "constraint": "Be kind."}, "; it is one text: write a list\n"),
        (
            {
                "prompt": "x",
                "response": "y",
                "constraint": ["a"],
                "instruction_id_list": ["keywords:existence"],
                "kwargs": [{}],
            },
            "row 1",
        ),
    ],
)
def test_a_row_that_cannot_be_judged_is_named(call, row, message):
    code, _, err = call("--model", "none", "--judger", "generative", rows=[row])
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_wrong_url_is_told_before_anything_is_judged(call, server):
    code, _, err = call("--model", "fake", "--config", server[0], "--set", "engine.base_urls=[http://127.0.0.1:1/v1]")
    assert code == 2
    assert "nothing answers at http://127.0.0.1:1/v1" in err
    assert call("--model", "other", "--config", server[0])[2].startswith("error:")
