import json
import sys

import pytest

from seif.errors import RunError, UsageError
from seif.evaluation import harness
from support import seif

FOUND = {
    "results": {"tiny": {"name": "tiny", "alias": "tiny", "sample_len": 2, "acc,none": 0.5, "acc_stderr,none": 0.25, "f1,none": 1, "f1_stderr,none": "N/A"}},
    "versions": {"tiny": 2.0},
    "n-shot": {"tiny": 0},
    "n-samples": {"tiny": {"original": 3, "effective": 2}},
}
NUMBERS = {"acc,none": 0.5, "acc_stderr,none": 0.25, "f1,none": 1.0, "f1_stderr,none": None, "task_version": 2.0, "n_shot": 0, "n": 2}
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
    assert result == {"version": "9.9", "tiny": NUMBERS}
    settings = __import__("lm_eval").simple_evaluate.settings
    assert settings["model_args"] == {"pretrained": "models/a", "dtype": "float32"}
    assert (settings["apply_chat_template"], settings["limit"], settings["device"], settings["batch_size"]) == (True, 2, "cpu", 1)
    assert harness.describe(result) == ["lm-eval 9.9", "tiny  acc,none  0.5 ± 0.25", "tiny  f1,none  1"]


def test_an_adapter_is_given_with_its_base(fake, model, adapter):
    harness.evaluate(harness.find_task("tiny", None), str(adapter), "tiny", "cpu", "float32")
    asked = __import__("lm_eval").simple_evaluate.settings["model_args"]
    assert asked == {"pretrained": str(model), "dtype": "float32", "peft": str(adapter), "tokenizer": str(adapter)}


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


def test_suites_stand_side_by_side():
    kept = harness.side_by_side({}, "m", {"held_out": {"n": 3}})
    kept = harness.side_by_side(kept, "m", {"lm_eval": {"version": "1", "a": {"acc": 0.1}}})
    kept = harness.side_by_side(kept, "m", {"lm_eval": {"version": "2", "b": {"acc": 0.2}}})
    assert harness.side_by_side(kept, "m", {"held_out": {"n": 4}}) == {
        "model": "m",
        "held_out": {"n": 4},
        "lm_eval": {"version": "2", "a": {"acc": 0.1}, "b": {"acc": 0.2}},
    }


@pytest.mark.parametrize(("text", "message"), [("[]", "no JSON object"), ("{", "not JSON"), ('{"model": "other"}', "numbers of other")])
def test_a_file_that_can_not_be_added_to_is_left_alone(tmp_path, text, message):
    path = tmp_path / "out.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        harness.kept_numbers(path, "m")


def test_a_new_file_holds_nothing(tmp_path):
    assert harness.kept_numbers(None, "m") == harness.kept_numbers(tmp_path / "new.json", "m") == {}


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
    questions.write_text("".join(json.dumps({"question": f"Is the {w} old?", "answer": "yes"}) + "\n" for w in ("cat", "owl", "boat")), encoding="utf-8")
    (tmp_path / "tiny.yaml").write_text(TASK.replace("FILE", str(questions)), encoding="utf-8")
    out = tmp_path / "out.json"
    out.write_text(json.dumps({"model": str(model), "ifeval": {"n_prompts": 1}}), encoding="utf-8")
    done = seif("evaluate", model, "--suite", "lm-eval:tiny_choice", "--include-path", tmp_path, "--limit", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(out.read_text(encoding="utf-8"))
    assert numbers["ifeval"] == {"n_prompts": 1}
    assert numbers["lm_eval"]["tiny_choice"]["n"] == 2
    assert 0 <= numbers["lm_eval"]["tiny_choice"]["acc,none"] <= 1
    assert "tiny_choice  acc,none" in done.stdout
