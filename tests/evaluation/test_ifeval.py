import asyncio
import json
from dataclasses import replace

import pytest

from seif.config_file import build_config
from seif.engines.base import Completion
from seif.engines.scripted import ScriptedEngine
from seif.errors import RunError, UsageError
from seif.evaluation import answering
from seif.evaluation.answering import Reply, answer
from seif.evaluation.ifeval import describe, load_prompts, requests, score, write_responses
from seif.evaluation.suites import SuiteSettings
from support import seif

COMMA, LOWER, WORDS = "punctuation:no_comma", "change_case:english_lowercase", "length_constraints:number_words"
SETTINGS = SuiteSettings(build_config({"model": "m"}, "test"), "m")
RECORDS = [
    {"prompt": "Who is old?", "instruction_id_list": [COMMA, COMMA], "kwargs": [{}, {}]},
    {
        "prompt": "Is it so?",
        "instruction_id_list": [COMMA, WORDS],
        "kwargs": [{}, {"num_words": 3, "relation": "at least"}],
    },
    {"prompt": "Why?", "instruction_id_list": [LOWER], "kwargs": [{}]},
]


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in RECORDS), encoding="utf-8")
    return path


@pytest.fixture
def rows(prompts):
    return load_prompts(prompts)


def run(rows, script, limit=1280):
    engine = ScriptedEngine(script)
    return asyncio.run(answer(engine, requests(rows, limit), SETTINGS, "prompt")), engine


def test_the_four_numbers(rows):
    texts = {
        "Who is old?": "Sure, I say:\nThe man is old.",
        "Is it so?": "So, yes",
        "Why?": "because the old man is here.",
    }
    replies, _ = run(rows, lambda request: texts[request.messages[0]["content"]])
    result = score(rows, replies, 1280)
    assert result.prompt_level_strict_acc == pytest.approx(1 / 3)
    assert result.prompt_level_loose_acc == pytest.approx(2 / 3)
    assert result.inst_level_strict_acc == pytest.approx(1 / 5)
    assert result.inst_level_loose_acc == pytest.approx(3 / 5)
    assert result.prompt_level_strict_acc_stderr == pytest.approx((2 / 9 / 3) ** 0.5)
    assert result.inst_level_strict_acc_stderr == pytest.approx((0.4**2 + 0.4**2 + 0.8**2) ** 0.5 / 5)
    assert result.per_instruction[COMMA].to_json() == {"strict": 0.0, "loose": pytest.approx(2 / 3), "n": 3}
    assert (result.n_prompts, result.n_instructions) == (3, 5)
    assert describe(result)[1:] == [
        "strict  prompt 33.3% ± 27.2%  instruction 20.0% ± 19.6%",
        "loose   prompt 66.7% ± 27.2%  instruction 60.0% ± 29.9%",
    ]


def test_the_prompt_is_asked_as_it_is_and_greedily(rows):
    _, engine = run(rows, lambda request: "yes")
    assert [r.messages for r in engine.requests] == [[{"role": "user", "content": r["prompt"]}] for r in RECORDS]
    assert all((r.temperature, r.max_tokens) == (0.0, 1280) for r in engine.requests)


def test_a_reply_that_was_cut_off_is_scored_and_counted(rows):
    replies, _ = run(rows, lambda request: Completion("it is so old", "length"))
    result = score(rows, replies, 1280)
    assert (result.cut_off, result.prompt_level_strict_acc) == (1.0, 1.0)
    assert "100.0% of the replies were cut off" in describe(result)[-1]


@pytest.mark.parametrize(
    ("text", "scored"),
    [
        ("<think>a, b</think>\n\nold", "old"),
        ("a, b</think>old", "old"),
        ("\n<think>a, b", ""),
        ("<think>a</think>", ""),
        ("old <think>", "old <think>"),
        ("  old", "  old"),
    ],
)
def test_a_thought_is_not_scored(text, scored):
    assert Reply(text, True, 1280).answer == scored


def test_a_short_context_gives_less_room_or_none(rows):
    def script(request):
        room = {"Who is old?": 2000, "Is it so?": 400, "Why?": 10}[request.messages[0]["content"]]
        return (
            Completion("old", "stop")
            if request.max_tokens <= room
            else Completion("", "error", error="the context is 512")
        )

    replies, engine = run(rows, script)
    assert [r.limit for r in replies[:2]] == [1280, 320]
    assert all(r.max_tokens >= answering.FEWEST_NEW_TOKENS for r in engine.requests)
    result = score(rows, replies, 1280)
    assert (result.shortened, result.unanswered, result.unanswered_because, result.cut_off) == (
        1,
        1,
        "the context is 512",
        0.0,
    )
    assert result.per_instruction[LOWER].strict == 0.0
    assert "1 prompt without a reply, counted as following nothing: the context is 512" in describe(result)


def test_a_model_that_answers_nothing_is_an_error(rows):
    with pytest.raises(RunError, match="none of 3 prompts: out of memory"):
        run(rows, lambda request: Completion("", "error", error="out of memory"))


def test_it_tells_how_far_it_is(rows, monkeypatch):
    monkeypatch.setattr(answering, "TOGETHER", 2)
    lines = []
    settings = replace(SETTINGS, report=lines.append)
    asyncio.run(answer(ScriptedEngine(lambda request: "yes"), requests(rows), settings, "prompt"))
    assert [line.split(",")[0] for line in lines] == ["2 of 3 prompts answered", "3 of 3 prompts answered"]


def test_responses_can_be_read_again(rows, tmp_path):
    replies = [
        Reply("<think>x, y</think>old \ud83d", True, 1280),
        Reply("a, b", False, 640),
        Reply("", False, 20, "no room"),
    ]
    write_responses(tmp_path / "r.jsonl", rows, replies)
    first, second, third = map(json.loads, (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines())
    assert {k: first[k] for k in RECORDS[0]} == RECORDS[0]
    assert (first["response"], first["follow_instruction_list"]) == ("old \ud83d", [True, True])
    assert first["reply"].startswith("<think>")
    assert (second["finished"], second["max_new_tokens"], second["follow_instruction_list_loose"]) == (
        False,
        640,
        [False, False],
    )
    assert "reply" not in second
    assert third["error"] == "no room"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "holds no prompts"),
        ('{"prompt": " ", "instruction_id_list": ["punctuation:no_comma"]}', "row 1: `prompt` is empty"),
        ('{"prompt": "a", "instruction_id_list": ["no:such"]}', "row 1.*no:such"),
        ('{"instruction_id_list": ["punctuation:no_comma"]}', "row 1 has no `prompt`"),
    ],
)
def test_bad_prompts_are_refused(tmp_path, line, message):
    path = tmp_path / "p.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_prompts(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--suite", "ifevall"], "no evaluation suite 'ifevall'; did you mean 'ifeval'"),
        (["--suite", "ifeval"], "--suite ifeval needs --prompts"),
        (["--prompts", "p.jsonl"], "not with held-out"),
        (["--suite", "ifeval", "--suite", "ifbench", "--prompts", "p.jsonl"], "in their order: ifeval, ifbench"),
        (["--suite", "checklist", "--prompts", "{prompts}"], "give --judge-model"),
        (["--suite", "ifeval", "--prompts", "nowhere.jsonl"], "no file at nowhere.jsonl"),
        (["--suite", "ifeval", "--prompts", "{prompts}", "--responses", "README.md"], "README.md exists already"),
        (["--suite", "ifeval", "--prompts", "{prompts}", "--out", "README.md"], "is not JSON"),
    ],
)
def test_mistakes_are_one_line(prompts, model, options, message, monkeypatch, capsys, root):
    from seif import cli

    monkeypatch.chdir(root)
    monkeypatch.setattr("sys.argv", ["seif", "evaluate", str(model), *(o.format(prompts=prompts) for o in options)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_command_on_the_embedded_model(tmp_path, model):
    subjects = ("the river", "the cat", "the old train", "the clock", "the owl")
    records = [
        {
            "prompt": f"Tell me about {s}. Do not use any commas. Use only lowercase.",
            "instruction_id_list": [COMMA, LOWER],
            "kwargs": [{}, {}],
        }
        for s in subjects
    ]
    prompts, out, responses = tmp_path / "p.jsonl", tmp_path / "out.json", tmp_path / "r.jsonl"
    prompts.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    options = ("--suite", "ifeval", "--prompts", prompts, "--config", "nano")
    done = seif("evaluate", model, *options, "--out", out, "--responses", responses, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["ifeval"]
    assert json.loads(out.read_text(encoding="utf-8")) == {"model": str(model), "ifeval": result}
    assert (result["n_prompts"], result["n_instructions"], result["shortened"], result["unanswered"]) == (5, 10, 5, 0)
    assert 0 < result["inst_level_strict_acc"] <= result["inst_level_loose_acc"] < 1
    lines = [json.loads(line) for line in responses.read_text(encoding="utf-8").splitlines()]
    assert sum(map(all, (line["follow_instruction_list"] for line in lines))) / 5 == result["prompt_level_strict_acc"]
    again = seif("evaluate", model, *options, "--limit", 2, "--set", "evaluation.max_new_tokens=64", "--out", out)
    assert again.returncode == 0, again.stderr
    assert "IFEval: 2 prompts, 4 instructions" in again.stdout
