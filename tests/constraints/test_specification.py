"""Types of the user's own take part in everything that the built-in types take part in."""

import asyncio

import pytest

from seif.constraints import TYPES, ConstraintType, Wording, register
from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import find_conflict
from seif.constraints.taxonomy import classify
from seif.constraints.verifiers import verify, verify_loose
from seif.constraints.witness import write_witness
from seif.engines.scripted import ScriptedEngine
from seif.errors import UsageError
from seif.instructions import read_instructions, write_instructions
from seif.judges.hybrid import HybridJudge
from seif.judges.logprob import LogprobJudge
from seif.judges.rules import RulesJudge
from seif.plugins import load_plugins, unload_plugin
from seif.reference import types_reference
from seif.report.text import type_name
from seif.roles.templates import render
from seif.types import Constraint, Instruction, Verdict

PLUGIN = r"""
from seif.constraints import ConstraintType, Wording, register
from seif.constraints.demands import LETTER, Demands
from seif.constraints.numbers import NUMBER, counted

def has_exclamations(response: str, count: int) -> bool:
    return response.count("!") == count

register(
    ConstraintType(
        id="count:exclamations",
        category="Counts",
        definition="an exact number of exclamation marks",
        example="Use exactly 2 exclamation marks.",
        check=has_exclamations,
        wordings=(Wording((rf"use exactly (?P<n>{NUMBER}) exclamation marks?",), counted("count")),),
        demands=lambda count: [Demands(bounds={(LETTER, "!"): (count, count)})],
    )
)
register(
    ConstraintType(
        id="soft:sea", category="Content", definition="something of the sea", example="Mention a tide.",
        cues=r"\btides?\b",
    )
)
"""
TEXT = "Use exactly 2 exclamation marks."


@pytest.fixture
def plugin(tmp_path):
    """A plugin file that is not loaded yet; whatever it registers is gone after the test."""
    path = tmp_path / "my_types.py"
    path.write_text(PLUGIN)
    yield str(path)
    unload_plugin(str(path))


def told(name):
    return render("full", name, seed="Why?", count=3, asked=())[0]["content"]


def test_prompts_compiler_and_classification_know_a_type_from_its_registration_on(plugin):
    for _ in range(2):
        before = told("instructor_hard"), told("instructor_soft")
        assert not compile_text(TEXT).checkable
        assert classify(TEXT) != "count:exclamations"
        assert classify("Speak of tides.") != "soft:sea"

        load_plugins([plugin])
        assert "- Counts: an exact number of exclamation marks. For example: Use exactly 2" in told("instructor_hard")
        assert "something of the sea" in told("instructor_soft")
        assert compile_text(TEXT) == Constraint(TEXT, "count:exclamations", {"count": 2})
        assert classify(TEXT) == "count:exclamations"
        assert classify("Speak of tides.") == "soft:sea"

        unload_plugin(plugin)
        assert (told("instructor_hard"), told("instructor_soft")) == before


def test_a_wording_is_understood_in_the_frames_of_the_built_in_ones(plugin):
    load_plugins([plugin])
    for text in (
        "Please make sure to use exactly two exclamation marks in your response!",
        "use exactly 2 exclamation marks",
    ):
        assert compile_text(text).kwargs == {"count": 2}
    assert not compile_text("Use exactly 2 exclamation marks and be kind.").checkable


def test_verifiers_and_judgers_check_a_users_type(plugin):
    load_plugins([plugin])
    constraint = compile_text(TEXT)
    instruction = Instruction("Why?", (constraint,))
    assert verify("Yes! No!", constraint.instruction_id, constraint.kwargs)
    assert verify_loose("Well!\nYes! No!", constraint.instruction_id, constraint.kwargs)
    with pytest.raises(UsageError, match=r"count:exclamations: count must be a whole number, got 2\.5"):
        verify("Yes!", "count:exclamations", {"count": 2.5})
    with pytest.raises(UsageError, match=r"count:exclamations takes \['count'\], got \['number'\]"):
        verify("Yes!", "count:exclamations", {"number": 2})
    model = LogprobJudge(ScriptedEngine(lambda request: pytest.fail("a rule decides")), "full")
    for judger in (RulesJudge(), HybridJudge(model, sample=0.0)):
        verdict = asyncio.run(judger.judge(instruction, "Yes!", constraint)).verdict
        assert verdict is Verdict.VIOLATED


def test_demands_give_conflicts_and_witnesses(plugin):
    load_plugins([plugin])
    two, three = compile_text(TEXT), compile_text("Use exactly 3 exclamation marks.")
    assert "exclude each other" in find_conflict((two, three))
    sentences = compile_text("Write at least 4 sentences.")
    assert find_conflict((two, sentences)) is None
    reply = write_witness((two, sentences))
    assert reply.count("!") == 2
    register(ConstraintType("count:nothing", "Counts", "?", "?", check=lambda response: True))
    try:
        assert find_conflict((two, Constraint("?", "count:nothing"))) is None
        assert write_witness((two, Constraint("?", "count:nothing"))).count("!") == 2
    finally:
        TYPES.remove("count:nothing")


def test_files_and_the_report_know_a_users_type(plugin, tmp_path):
    load_plugins([plugin])
    instructions = [Instruction("Why?", (compile_text(TEXT), compile_text("Avoid commas.")))]
    write_instructions(tmp_path / "a.parquet", instructions)
    read = read_instructions(tmp_path / "a.parquet")
    assert read == instructions
    constraint = read[0].constraints[0]
    assert verify("Yes! No!", constraint.instruction_id, constraint.kwargs)
    assert type_name("count:exclamations") == ("exclamations", "Counts")
    assert "| `count:exclamations` | Counts |" in types_reference()


def test_the_shipped_example_counts_exactly(root):
    example = str(root / "examples" / "exact_counts.py")
    load_plugins([example])
    try:
        constraint = compile_text("The response should contain exactly three sentences.")
        assert (constraint.instruction_id, constraint.kwargs) == ("count:exact_sentences", {"count": 3})
        assert verify("One. Two. Three.", constraint.instruction_id, constraint.kwargs)
        assert not verify("One. Two.", constraint.instruction_id, constraint.kwargs)
        assert compile_text("Use exactly 40 words.").kwargs == {"count": 40}
        assert not compile_text("Use exactly 3 sentences about cats.").checkable
        assert find_conflict((constraint, compile_text("Write at least 5 sentences.")))
        assert write_witness((constraint, compile_text("Use exactly 40 words."))) is not None
    finally:
        unload_plugin(example)


def test_the_example_of_the_docs_works(root, tmp_path):
    page = (root / "docs" / "constraints.md").read_text(encoding="utf-8")
    path = tmp_path / "docs.py"
    path.write_text(page.split("```python\n")[1].split("```")[0])
    load_plugins([str(path)])
    try:
        assert compile_text("Your response should use exactly 3 sentences.").kwargs == {"count": 3}
    finally:
        unload_plugin(str(path))


def unannotated(response, count):
    return True


def unsupported(response: str, counts: dict) -> bool:
    return True


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "sea"}, "group:name"),
        ({"id": "soft:sea"}, "a model judges the types under soft:"),
        ({"id": "count:sea", "check": None}, "starts with soft:"),
        ({"id": "punctuation:no_comma"}, "already"),
        ({"check": unannotated}, "count:sea: the parameter count must be annotated"),
        ({"check": unsupported}, "the parameter counts must be annotated"),
        ({"demands": lambda number: []}, "count:sea: demands must take the kwargs by name: none"),
        ({"wordings": (Wording(("use (a",)),)}, "count:sea: 'use .a' is no regular expression"),
        ({"id": "soft:sea", "check": None, "cues": "(a"}, "soft:sea: '.a' is no regular expression"),
    ],
)
def test_a_type_that_cannot_work_is_refused(fields, message):
    known = list(TYPES)
    given = {"id": "count:sea", "category": "a", "definition": "b", "example": "c", "check": lambda response: True}
    with pytest.raises(UsageError, match=message):
        register(ConstraintType(**{**given, **fields}))
    assert list(TYPES) == known


def test_the_patterns_of_a_wording_are_a_tuple():
    with pytest.raises(UsageError, match="tuples"):
        Wording("use exactly one tide")


def test_a_word_at_least_once_is_a_frequency_and_two_are_words_that_must_occur():
    assert compile_text('Use the word "tide" at least once.').instruction_id == "keywords:frequency"
    assert compile_text('Use the words "tide" and "sea" at least once.').instruction_id == "keywords:existence"
