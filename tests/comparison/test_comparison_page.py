from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from fake_run import MakeRun, audit, evaluation
from markupsafe import escape

import seif
from seif.atomic import read_json, write_json

EVIL = "<script>alert(1)</script>"


def page_of(tmp_path: Path, *paths: Path) -> str:
    out = seif.write_comparison(seif.compare_runs(paths), tmp_path / "compare.html")
    return out.read_text(encoding="utf-8")


def test_curves_tables_and_names(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(f"run-{i}", accuracies=(0.4, 0.5, 0.6 + i / 50), seed=i) for i in range(7)]
    for run in runs:
        for turn in range(3):
            write_json(run.audit(turn), audit(turn, 0.5))
    html = page_of(tmp_path, *(run.root for run in runs))
    panels = ("Constraints satisfied, greedy", "Constraints satisfied, sampled", "Whole instructions of 4 constraints")
    more = ("Entropy of the types", "Judge minus verifiers", "Audit accuracy", "B − A", "unpaired", "+12.0", "seed")
    for shown in (*panels, *more):
        assert shown in html, shown
    drawings = re.findall(r"<svg.*?</svg>", html, re.S)
    assert len(drawings) >= 10
    assert all(ElementTree.fromstring(drawing)[0].text for drawing in drawings)
    looks = re.findall(r'<g class="series (r\d dash\d)"><polyline', drawings[0])
    assert len(set(looks)) == 7


def test_lines_differ_without_colours(make_run: MakeRun, tmp_path: Path) -> None:
    html = page_of(tmp_path, make_run("one").root, make_run("two").root)
    first, second = re.findall(r'<g class="series r\d (dash\d)"><polyline.*?<(circle|rect|path) class="dot"', html)[:2]
    assert first != second
    assert ".dash1 .line { stroke-dasharray" in html


def test_nothing_of_others_is_markup_and_nothing_is_fetched(make_run: MakeRun, tmp_path: Path) -> None:
    numbers = evaluation(2, 0.5)
    numbers["held_out"]["greedy"]["per_type"][EVIL] = 0.5
    runs = [make_run("<b>one"), make_run("two", model=f"some/{EVIL}", prompts=f"{EVIL}")]
    for run in runs:
        write_json(run.evaluation(2), numbers)
    html = page_of(tmp_path, *(run.root for run in runs))
    assert "<script" not in html
    assert "<b>one" not in html
    assert str(escape(EVIL)) in html
    assert not re.search(r"https?://|@import|url\(|\bsrc=", html)


def test_partial_runs_have_a_page(make_run: MakeRun, tmp_path: Path) -> None:
    one, two = make_run("one", accuracies=(0.4,)), make_run("two", accuracies=())
    assert "B has no held-out accuracy to compare." in page_of(tmp_path, one.root, two.root)
    numbers = read_json(one.evaluation(0))
    write_json(one.evaluation(0), {**numbers, "held_out": {}, "judger": {}, "instructor": {}})
    assert "A has no held-out accuracy" in page_of(tmp_path, one.root, two.root)
