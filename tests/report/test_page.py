from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from fake_run import MakeRun, case, evaluation

import seif
import support
from seif.artifacts import RunDir
from seif.atomic import read_json, write_json
from seif.errors import UsageError
from seif.report.page import write_report

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Checks that tags nest and gathers what a test asks about."""

    def __init__(self, run: RunDir) -> None:
        super().__init__()
        self.html = run.report.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.text = ""
        self.feed(self.html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def render(run: RunDir) -> Page:
    write_report(run)
    return Page(run)


def lead(page: Page) -> str:
    found = re.search(r'<p class="lead">(.*?)</p>', page.html)
    assert found
    return found[1].replace("\N{NO-BREAK SPACE}", " ")


def test_numbers_appear(make_run: MakeRun) -> None:
    page = render(make_run())
    for shown in (
        "night-run",
        "finished",
        "some/model",
        "61.2%",
        "83.4%",
        "37.5%",
        "97.1%",
        "1.46",
        "321",
        "2.99.1",
        "7 min 18 s",
    ):
        assert shown in page.text, shown
    assert "no comma" in page.text
    assert "✓ holds" in page.text
    assert "✗ violated" in page.text
    assert "? not checkable" in page.text
    assert "The river is old.\n  It moves." in page.text
    assert "turns: 2" in page.text


def test_nothing_is_fetched_or_run(make_run: MakeRun) -> None:
    page = render(make_run())
    assert not re.search(r"https?://|@import|url\(|\bsrc=", page.html)
    assert not page.tags & {"script", "img", "iframe", "object", "embed"}


def test_every_drawing_is_well_formed_and_named(make_run: MakeRun) -> None:
    drawings = re.findall(r"<svg.*?</svg>", render(make_run()).html, re.S)
    assert len(drawings) >= 9
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root[0].tag == "title"
        assert root[0].text
        assert "nan" not in drawing


def test_model_text_is_escaped(make_run: MakeRun) -> None:
    run = make_run()
    evil = "</style></title><script>alert('x')</script><img src=x onerror=alert(1)>"
    shown = case(evil)
    shown["constraints"] = [{"text": evil, "holds": None}]
    shown["answer"], shown["conflict"] = evil, evil
    write_json(run.showcase(2), [shown])
    numbers = evaluation(2, 0.6)
    numbers["instructor"]["types"] = {evil: 100}
    for table in (numbers["judger"]["per_type"], numbers["held_out"]["greedy"]["per_type"]):
        table[evil] = next(iter(table.values()))
    write_json(run.evaluation(2), numbers)
    base = read_json(run.evaluation(0))
    base["held_out"]["greedy"]["per_type"][evil] = 0.1
    write_json(run.evaluation(0), base)
    page = render(run)
    assert not page.tags & {"script", "img"}
    assert page.handlers == []
    assert page.text.count("alert('x')") >= 5


def test_odd_characters_and_long_lines(make_run: MakeRun) -> None:
    run = make_run()
    shown = case()
    shown["answer"] = "a\x00b\x1bc\x85d\ud800e\u202ef" + "x" * 10_000 + "\r\ng"
    run.showcase(2).write_text(json.dumps([shown]), encoding="utf-8")
    numbers = evaluation(2, 0.6)
    numbers["instructor"]["types"] = {"\udfff" + "w" * 10_000: 3}
    run.evaluation(2).write_text(json.dumps(numbers), encoding="utf-8")
    page = render(run)
    assert "a␀b␛c\ufffdd\ufffde\ufffdf" in page.text
    assert "x" * 10_000 + "\ng" in page.text
    assert "w" * 100 not in page.text


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        (
            (0.4, 0.5, 0.6),
            "Held-out constraint accuracy rose from 40.0% ± 1.0 "
            "with the base to 60.0% ± 1.0 after turn 2: +20.0 points.",
        ),
        (
            (0.4, 0.5, 0.3),
            "fell from 40.0% ± 1.0 with the base to 30.0% ± 1.0 after "
            "turn 2: −10.0 points; training made the Follower worse.",
        ),
        ((0.4, 0.5, 0.42), "a change of +2.0 points, which is within error."),
        ((0.4, 0.5), "So far, after 1 of 2 turns: held-out constraint accuracy rose"),
        ((0.4,), "The base satisfies 40.0% ± 1.0 of the held-out constraints; no turn is evaluated yet."),
        ((), "Nothing can be said about held-out accuracy: no turn is evaluated yet."),
    ],
)
def test_key_result(make_run: MakeRun, accuracies: tuple[float, ...], said: str) -> None:
    assert said in lead(render(make_run(accuracies=accuracies)))


def test_best_turn_is_named_when_the_last_is_not_it(make_run: MakeRun) -> None:
    page = render(make_run(accuracies=(0.4, 0.7, 0.6)))
    assert "The highest was turn 1 with 70.0% ± 1.0." in page.text.replace("\N{NO-BREAK SPACE}", " ")


def test_empty_run(make_run: MakeRun) -> None:
    page = render(make_run(accuracies=(), held_out=None))
    assert "this run has no held-out tasks" in page.text
    assert "svg" not in page.tags


@pytest.mark.parametrize("missing", ["evaluation", "showcase", "metrics", "events", "manifest"])
def test_missing_files(make_run: MakeRun, missing: str) -> None:
    run = make_run()
    if missing in ("evaluation", "showcase"):
        getattr(run, missing)(1).unlink()
    else:
        next(run.root.glob(f"{missing}.*")).unlink()
    assert "61.2%" in render(run).text


@pytest.mark.parametrize(
    "changes",
    [
        {"held_out": {}},
        {"held_out": {"greedy": {"constraint_accuracy": 0.5}}},
        {"judger": {}},
        {
            "judger": {
                "mean": None,
                "verifier_mean": None,
                "balanced_accuracy": None,
                "per_type": {},
                "n": 0,
                "unjudged": 9,
            }
        },
        {"instructor": {}},
        {"held_out": {}, "judger": {}, "instructor": {}},
    ],
)
def test_partial_evaluations(make_run: MakeRun, changes: dict[str, object]) -> None:
    run = make_run()
    for turns in ((2,), (0, 1, 2)):
        for turn in turns:
            write_json(run.evaluation(turn), {**evaluation(turn, 0.5), **changes})
        render(run)


def test_metrics_with_gaps(make_run: MakeRun) -> None:
    run = make_run(accuracies=(0.4,))
    run.metrics.append({"turn": 1, "stage": "train_instructor", "step": 1, "reward": 0.5})
    run.metrics.append({"turn": 1, "stage": "train_follower", "step": 1, "reward": float("nan")})
    run.metrics.append({"turn": 1, "stage": "train_follower", "step": 2, "reward": None, "kl": 0.0})
    page = render(run)
    assert "Instructor’s reward" in page.text
    assert "Follower’s reward" not in page.text


def test_unusable_instruction_and_bad_format(make_run: MakeRun) -> None:
    run = make_run()
    unchecked = {**case(), "answer": None, "conflict": "they exclude each other"}
    unchecked["constraints"] = [{"text": "Avoid commas.", "holds": None}]
    write_json(run.showcase(1), [unchecked])
    write_json(run.showcase(2), [{"seed": case()["seed"], "constraints": [], "answer": None, "conflict": None}])
    text = render(run).text
    assert "– not checked" in text
    assert "not in the required format" in text
    assert "Contradictory: they exclude each other" in text
    assert "No usable instruction was written for this seed." in text


def test_no_run_directory(tmp_path: object) -> None:
    with pytest.raises(UsageError, match="not a run directory"):
        write_report(RunDir(tmp_path / "nothing"))  # type: ignore[operator]


def test_the_api_and_the_commands_say_the_same_of_a_run(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    assert not run.report.exists()
    assert seif.write_report(str(run.root)) == run.report
    page = run.report.read_text(encoding="utf-8")
    run.report.unlink()
    assert support.call(capsys, monkeypatch, "report", run.root)[1] == f"report: {run.report}\n"
    assert run.report.read_text(encoding="utf-8") == page
    found = json.loads(support.call(capsys, monkeypatch, "status", run.root, "--json")[1])
    expected = seif.load_run(run.root).to_json()
    assert {key: found[key] for key in expected} == expected
    assert [turn["turn"] for turn in found["turns"]] == [0, 1, 2]
    with pytest.raises(UsageError, match="not a run directory"):
        seif.write_report(run.root / "turn_01")
