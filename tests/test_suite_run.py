import json

import pytest

from seif import UsageError, evaluate_suite, load_config
from seif.evaluation.results import SuiteResult
from seif.evaluation.suites import SUITES, Suite
from seif.journal import ask_all


@pytest.fixture
def asked(monkeypatch):
    """A suite of three questions, which breaks at the third for as long as the list says so."""
    asked = []

    async def run(engine, settings):
        async def ask(place):
            if place == 2 and "broken" in asked:
                raise OSError("the disk is gone")
            asked.append(place)
            return place

        found = await ask_all(ask, 3, settings.parts and settings.parts / "answers.jsonl", pending=1)
        return SuiteResult(numbers={"sum": float(sum(found))}, stderr={}, n=3)

    monkeypatch.setitem(SUITES._parts, "mine", Suite("mine", run, loads_model=True))
    return asked


def test_an_evaluation_with_an_output_goes_on_where_it_broke(asked, model, tmp_path):
    out = tmp_path / "out.json"
    config = load_config(model=str(model))
    asked.append("broken")
    with pytest.raises(Exception, match="disk"):
        evaluate_suite(config, "mine", out=out)
    assert asked == ["broken", 0, 1]
    with pytest.raises(UsageError, match="holds work on another"):
        evaluate_suite(load_config(model=str(model), overrides=["seed=7"]), "mine", out=out)
    asked.clear()
    assert evaluate_suite(config, "mine", out=out).numbers == {"sum": 3.0}
    assert asked == [2]
    assert json.loads(out.read_text())["mine"]["numbers"] == {"sum": 3.0}
    assert [file.name for file in tmp_path.iterdir() if not file.name.startswith(".")] == ["out.json"]


def test_without_an_output_nothing_is_written(asked, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate_suite(load_config(model=str(model)), "mine")
    assert not list(tmp_path.iterdir())
