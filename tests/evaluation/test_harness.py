import asyncio
import json
import sys

import pytest

from seif.config_file import build_config
from seif.errors import RunError, UsageError
from seif.evaluation import harness
from seif.evaluation.suites import SUITES, NoEngine, SuiteSettings
from support import seif

FOUND = {
    "results": {
        "tiny": {
            "name": "tiny",
            "alias": "tiny",
            "sample_len": 2,
            "acc,none": 0.5,
            "acc_stderr,none": 0.25,
            "f1,none": 1,
            "f1_stderr,none": "N/A",
        }
    },
    "versions": {"tiny": 2.0},
    "n-shot": {"tiny": 0},
    "n-samples": {"tiny": {"original": 3, "effective": 2}},
}
NUMBERS = {
    "acc,none": 0.5,
    "acc_stderr,none": 0.25,
    "f1,none": 1.0,
    "f1_stderr,none": None,
    "task_version": 2.0,
    "n_shot": 0,
    "n": 2,
}
FAKE = """
__version__ = "9.9"
def simple_evaluate(**settings):
    if settings["tasks"] == ["broken"]:
        raise ValueError("no such\\nsplit")
    simple_evaluate.settings = settings
    return {found}
"""
FAKE_TASKS = """
class TaskManager:
    def __init__(self, include_path=None):
        self.all_tasks = ["tiny", "broken"] + (["mine"] if include_path else [])
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A package `lm_eval` with a model that knows two tasks."""
    package = tmp_path / "lm_eval"
    package.mkdir()
    (package / "__init__.py").write_text(FAKE.replace("{found}", repr(FOUND)), encoding="utf-8")
    (package / "tasks.py").write_text(FAKE_TASKS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("lm_eval", "lm_eval.tasks"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("lm_eval", "lm_eval.tasks"):
        sys.modules.pop(name, None)


def test_the_harness_is_asked_for_a_chat_and_its_numbers_are_kept(fake):
    manager = harness.find_task("tiny", None)
    result = harness.evaluate(manager, "models/a", "tiny", "cpu", "float32", limit=2)
    assert result.to_json() == {"version": "9.9", "tiny": NUMBERS}
    settings = __import__("lm_eval").simple_evaluate.settings
    assert settings["model_args"] == {"pretrained": "models/a", "dtype": "float32"}
    assert (settings["apply_chat_template"], settings["limit"], settings["device"], settings["batch_size"]) == (
        True,
        2,
        "cpu",
        1,
    )
    assert harness.describe(result) == ["lm-eval 9.9", "tiny  acc,none  0.5 ± 0.25", "tiny  f1,none  1"]


def test_an_adapter_is_given_with_its_base(fake, model, adapter):
    harness.evaluate(harness.find_task("tiny", None), str(adapter), "tiny", "cpu", "bfloat16")
    asked = __import__("lm_eval").simple_evaluate.settings["model_args"]
    assert asked == {"pretrained": str(model), "dtype": "bfloat16", "peft": str(adapter), "tokenizer": str(adapter)}


def test_the_suite_names_every_metric_by_its_task(fake):
    config = build_config({"model": "m", "engine": {"dtype": "float32"}}, "test")
    result = asyncio.run(SUITES.get("lm-eval").run(NoEngine(), SuiteSettings(config, "m", "tiny", limit=2)))
    assert result.numbers == {"tiny/acc,none": 0.5, "tiny/f1,none": 1.0}
    assert result.stderr == {"tiny/acc,none": 0.25}
    assert (result.n, result.details) == (2, {"version": "9.9", "tiny": NUMBERS})


def test_the_harness_gets_the_variables_of_the_chat_template(fake):
    chat = {"template_kwargs": {"enable_thinking": False}}
    config = build_config({"model": "m", "engine": {"dtype": "float32"}, "chat": chat}, "test")
    asyncio.run(SUITES.get("lm-eval").run(NoEngine(), SuiteSettings(config, "m", "tiny")))
    asked = __import__("lm_eval").simple_evaluate.settings["model_args"]
    assert asked["chat_template_args"] == {"enable_thinking": False}


def test_a_task_of_ones_own(fake, tmp_path):
    assert "mine" in harness.find_task("mine", tmp_path).all_tasks
    with pytest.raises(UsageError, match="no folder with tasks"):
        harness.find_task("mine", tmp_path / "nowhere")


def test_an_unknown_task_is_one_line(fake):
    with pytest.raises(UsageError, match="no task 'tyny'; did you mean tiny"):
        harness.find_task("tyny", None)
    with pytest.raises(UsageError, match="no task 'zzz'; give --include-path"):
        harness.find_task("zzz", None)


def test_a_harness_that_breaks_is_one_line(fake):
    with pytest.raises(RunError, match="lm-eval broke on broken: ValueError: no such split"):
        harness.evaluate(harness.find_task("broken", None), "m", "broken", "cpu", "float32")


def test_a_missing_harness_is_told_with_the_fix(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'seif\[harness\]'"):
        harness.find_task("tiny", None)


TASK = """
task: tiny_choice
dataset_path: json
dataset_kwargs: {data_files: {test: FILE}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: ["yes", "no"]
doc_to_target: "{{answer}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 2.0}
"""


@pytest.mark.slow
def test_the_real_harness_on_the_embedded_model(tmp_path, model):
    pytest.importorskip("lm_eval")
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        "".join(json.dumps({"question": f"Is the {w} old?", "answer": "yes"}) + "\n" for w in ("cat", "owl", "boat")),
        encoding="utf-8",
    )
    (tmp_path / "tiny.yaml").write_text(TASK.replace("FILE", str(questions)), encoding="utf-8")
    out = tmp_path / "out.json"
    out.write_text(json.dumps({"model": str(model), "ifeval": {"n_prompts": 1}}), encoding="utf-8")
    done = seif(
        "evaluate", model, "--suite", "lm-eval:tiny_choice", "--include-path", tmp_path, "--limit", 2, "--out", out
    )
    assert done.returncode == 0, done.stderr
    numbers = json.loads(out.read_text(encoding="utf-8"))
    assert numbers["ifeval"] == {"n_prompts": 1}
    assert numbers["lm_eval"]["tiny_choice"]["n"] == 2
    assert 0 <= numbers["lm_eval"]["tiny_choice"]["acc,none"] <= 1
    assert "tiny_choice  acc,none" in done.stdout
