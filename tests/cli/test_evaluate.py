import json
from pathlib import Path

import pytest

from seif.cli.evaluate import _options
from seif.errors import UsageError
from seif.plugins import load_plugins
from seif.suite_run import SuiteOptions
from support import seif

A, B = Path("a.jsonl"), Path("b.jsonl")


@pytest.fixture(autouse=True)
def registered():
    load_plugins([])


def test_each_suite_gets_its_own_file_and_what_it_takes():
    given = {"prompts": [A, B], "limit": 3, "judge_model": None, "include_path": None}
    assert _options(["ifeval", "held-out", "ifbench", "lm-eval:x"], given) == [
        SuiteOptions(prompts=A, limit=3),
        SuiteOptions(),
        SuiteOptions(prompts=B, limit=3),
        SuiteOptions(limit=3),
    ]


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        (["ifeval", "ifbench"], {"prompts": [A]}, "give --prompts as often .* in their order: ifeval, ifbench"),
        (["held-out"], {"prompts": [A]}, "--prompts goes with --suite"),
        (["ifeval"], {"include_path": A}, "--include-path goes with --suite lm-eval"),
    ],
)
def test_values_and_suites_must_match(names, given, message):
    with pytest.raises(UsageError, match=message):
        _options(names, given)


@pytest.mark.slow
def test_two_suites_on_the_embedded_model(tmp_path, model):
    rows = [{"prompt": "Tell me about the cat.", "instruction_id_list": ["format:no_whitespace"], "kwargs": [{}]}]
    chats = [{"prompt": "Tell me about the owl.", "criteria": ["Do not use any commas.", "Use at least 1 sentence."]}]
    files = []
    for name, records in (("rows", rows), ("chats", chats)):
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    out = tmp_path / "out.json"
    both = ["--suite", "ifbench", "--suite", "checklist", "--prompts", files[0], "--prompts", files[1]]
    done = seif("evaluate", model, *both, "--set", "judger.kind=rules", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    kept = json.loads(out.read_text(encoding="utf-8"))
    assert {part: kept[part] for part in ("ifbench", "checklist")} == json.loads(done.stdout)
    assert kept["ifbench"]["inst_level_strict_acc"] == 0.0
    assert (kept["checklist"]["n_criteria"], kept["checklist"]["unjudged"]) == (2, 0)
    assert not list(tmp_path.glob("*.parts"))
