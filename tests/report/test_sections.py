from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from fake_run import MakeRun, audit, evaluation

from seif.artifacts import EarlyStop, RunDir
from seif.atomic import write_json
from seif.constraints.compiler import compile_text
from seif.instructions import write_instructions
from seif.plugins import load_plugins, unload_plugin
from seif.report.blocks import Block, Columns, Fragment, Text
from seif.report.data import RunNumbers
from seif.report.page import write_report
from seif.report.section import SECTIONS, section
from seif.types import Instruction
from support import ROOT

EXAMPLE = str(ROOT / "examples" / "report_section.py")
EVIL = "<script>alert('x')</script>"


@pytest.fixture
def own() -> Iterator[str]:
    """A section's name, which is free again afterwards."""
    load_plugins([])
    yield "own"
    SECTIONS.remove("own")


def html(run: RunDir) -> str:
    write_report(run)
    return run.report.read_text(encoding="utf-8")


def anchors(page: str) -> list[str]:
    return re.findall(r'<section id="([^"]+)">', page)


def test_sections_stand_in_order_and_are_all_linked(make_run: MakeRun) -> None:
    page = html(make_run())
    assert anchors(page) == ["accuracy", "types", "rewards", "instructor", "judger", "watch", "seeds", "settings"]
    assert re.findall(r'<li><a href="#([^"]+)">', page) == anchors(page)


def test_the_example_section_is_drawn_with_its_figure_and_table(make_run: MakeRun) -> None:
    try:
        page = html(make_run(plugins=(EXAMPLE,)))
    finally:
        unload_plugin(EXAMPLE)
    assert anchors(page)[-3:] == ["lengths", "seeds", "settings"]
    assert "Length of the answers" in page
    assert "<title>greedy, base: 30.00</title>" in page
    assert re.search(r"Figure \d+\.</b> Words of a greedy held-out answer", page)


def test_a_section_of_ones_own_is_escaped(make_run: MakeRun, own: str) -> None:
    @section(own, EVIL, order=1)
    def build(run: RunNumbers) -> Sequence[Block]:
        fragment = Fragment("<p class='own'>{{ said }}</p>", {"said": EVIL})
        return [Columns((Text(EVIL), Text(EVIL, note=True))), fragment]

    page = html(make_run())
    assert anchors(page)[0] == own
    assert EVIL not in page
    assert "<p class='own'>&lt;script&gt;" in page
    assert page.count("&lt;script&gt;") == 5


def test_a_section_without_blocks_is_left_out(make_run: MakeRun, own: str) -> None:
    section(own, "Nothing")(lambda run: [])
    assert own not in anchors(html(make_run()))


def test_tokens_are_told_where_they_were_counted(make_run: MakeRun) -> None:
    assert "Tokens read and written" not in html(make_run("before"))
    run = make_run("counted")
    for turn in (1, 2):
        tokens = {"tokens/follower": 4_000 * turn, "tokens/judger": 50_000}
        run.metrics.append({"turn": turn, "stage": "train_follower", "step": 21, **tokens})
    page = html(run)
    assert "Tokens read and written" in page
    for said in ("4,000", "8,000", "50,000", "54,000", "58,000", "all roles"):
        assert f">{said}<" in page, said


def test_suites_have_a_section_and_a_column(make_run: MakeRun) -> None:
    run = make_run()
    suite = {"numbers": {"few words": 0.625, "chars": 0.5}, "stderr": {"few words": 0.125}, "n": 8}
    plain = {"numbers": {"perplexity": 12.345}, "n": 8, "percent": False}
    write_json(run.evaluation(2), {**evaluation(2, 0.6), "suites": {EVIL: suite, "plain": plain}})
    page = html(run)
    assert "suites" in anchors(page)
    assert "62.5% ± 12.5" in page
    assert ">12.35<" in page
    assert EVIL not in page


def test_a_section_that_fails_says_so_and_loses_nothing(make_run: MakeRun, own: str) -> None:
    def fails(numbers: RunNumbers) -> Sequence[Block]:
        raise ValueError(EVIL)

    section(own, "Broken", order=15)(fails)
    page = html(make_run())
    assert "the report section &#39;own&#39; failed: ValueError" in page
    assert EVIL not in page
    assert 'id="accuracy"' in page


def test_a_run_without_numbers_has_no_empty_sections(make_run: MakeRun) -> None:
    page = html(make_run(accuracies=()))
    assert anchors(page) == ["settings"]
    assert "no turn is evaluated yet" in page


def test_what_was_not_measured_has_no_section(make_run: MakeRun) -> None:
    run = make_run(turns=1, accuracies=(0.4, 0.5))
    for turn in (0, 1):
        write_json(run.evaluation(turn), {**evaluation(turn, 0.5), "held_out": {}, "judger": {}})
    assert anchors(html(run)) == ["rewards", "instructor", "watch", "seeds", "settings"]


def test_captions_explain_what_is_there(make_run: MakeRun) -> None:
    whole = html(make_run("whole"))
    for said in ("Whole instructions: the share", "Sampled: at temperature 1", "a type above 50%", "mean words half"):
        assert said in whole, said
    assert whole.count("Thin: as logged; bold: moving mean; dotted: a new turn begins.") == 2

    partial = make_run("partial", turns=1, accuracies=(0.4, 0.5))
    greedy = {"constraint_accuracy": 0.5, "n": 10, "well_formed": 0.9}
    for turn in (0, 1):
        write_json(partial.evaluation(turn), {"turn": turn, "held_out": {"greedy": greedy}})
    page = html(partial)
    assert "Marked: well-formed or parsable below 90%." in page
    for absent in ("Whole instructions: the share", "Sampled: at temperature 1", "dotted", "one standard error.</"):
        assert absent not in page, absent
    assert "constraints, sampled" not in page


def test_one_step_is_one_step(make_run: MakeRun) -> None:
    run = make_run(turns=1, accuracies=(0.4,))
    run.metrics.append({"turn": 1, "stage": "train_follower", "step": 1, "reward": 0.5})
    page = html(run)
    assert "1 step<" in page
    assert "1 steps" not in page
    assert "moving mean" not in page


def test_the_audit_has_a_section_with_rates_gap_and_reason(make_run: MakeRun) -> None:
    run = make_run(audit="audit.parquet")
    for turn, accuracy in enumerate((0.3, 0.5, 0.4)):
        write_json(run.audit(turn), audit(turn, accuracy, gap=-0.01))
    run.stop_early(EarlyStop(2, EVIL))
    page = html(run)
    assert "audit" in anchors(page)
    assert "By the audit turn 1 is the best" in page
    assert EVIL not in page
    assert "The loop ended after turn 2: &lt;script&gt;" in page
    assert '<span class="watch">60.0 (48.0 to 71.0)</span>' in page
    assert "40.0</td>" in page
    assert "<title>Judger, turn 1: −1.00</title>" in page or "−1.0 ± 0.5" in page


def test_what_changes_in_the_instructions_is_shown_where_it_can_be_read(make_run: MakeRun) -> None:
    run = make_run()
    pools = [["Avoid commas.", "Add a title in <<>>."], ["Add a title in <<>>.", "Add a title in <<>>."]]
    for turn, texts in enumerate(pools):
        instructions = [Instruction(f"Why {i}?", (compile_text(text),)) for i, text in enumerate(texts)]
        write_instructions(run.instructions(turn), instructions)
    page = html(run)
    assert "How the instructions change" in page
    assert "+50.0" in page
    assert "−50.0" in page
    run.instructions(1).write_bytes(b"no parquet")
    page = html(run)
    assert 'id="pools"' not in page
    assert "instructions.parquet" in page


def test_the_spread_of_rewards_is_drawn_where_it_was_logged(make_run: MakeRun) -> None:
    run = make_run()
    assert 'class="band"' not in html(run)
    known = {f"reward/p{p}": p / 100 for p in (10, 25, 50, 75, 90)}
    for step in (21, 22):
        run.metrics.append({"turn": 2, "stage": "train_follower", "step": step, "reward": 0.5, **known})
    page = html(run)
    # The middle half and the middle 80%, in one turn of one role.
    assert page.count('class="band"') == 2
    assert "the middle 80% of each step" in page
    assert "90th percentile" in page
