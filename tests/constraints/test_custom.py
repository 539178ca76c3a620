import asyncio

import pytest

from seif.constraints import compiler, custom, taxonomy
from seif.constraints.compiler import compile_text
from seif.constraints.custom import load_types
from seif.constraints.verifiers import VERIFIERS, verify
from seif.errors import UsageError
from seif.roles.judger import RulesJudger
from seif.roles.templates import _template, render
from seif.types import Instruction, Verdict

FILE = r"""
from seif.constraints.custom import hard_type, soft_type

@hard_type(
    "count:exact_exclamations", category="Counts", definition="an exact number of exclamation marks",
    example="Use exactly 2 exclamation marks.",
    wordings={r"use exactly (?P<n>\d+) exclamation marks": lambda match: {"count": int(match["n"])}},
)
def exact_exclamations(response: str, count: int) -> bool:
    return response.count("!") == count

soft_type("soft:sea", category="Content", definition="something of the sea", example="Mention a tide.", cues=r"\btides?\b")
"""


@pytest.fixture
def untouched(monkeypatch):
    """Whatever a test registers is gone after it."""
    monkeypatch.setattr(compiler, "_REGISTERED", [])
    monkeypatch.setattr(custom, "_loaded", set())
    known = set(taxonomy.TYPES)
    yield
    for kind in set(taxonomy.TYPES) - known:
        taxonomy.TYPES.pop(kind)
        VERIFIERS.pop(kind, None)
    for cache in (taxonomy.classify, _template, compile_text):
        cache.cache_clear()


@pytest.fixture
def loaded(tmp_path, untouched):
    path = tmp_path / "types.py"
    path.write_text(FILE)
    load_types(path)
    _template.cache_clear()
    return path


def test_a_users_types_join_prompts_compiler_verifiers_judger_and_classification(loaded):
    constraint = compile_text("Use exactly 2 exclamation marks.")
    assert (constraint.instruction_id, constraint.kwargs) == ("count:exact_exclamations", {"count": 2})
    assert verify("Yes! No!", constraint.instruction_id, constraint.kwargs)
    with pytest.raises(UsageError, match="whole number"):
        verify("Yes!", "count:exact_exclamations", {"count": 2.5})
    judgement = asyncio.run(RulesJudger().judge(Instruction("Why?", (constraint,)), "Yes!", constraint))
    assert judgement.verdict is Verdict.VIOLATED
    assert taxonomy.classify("Speak of tides.") == "soft:sea"
    assert "an exact number of exclamation marks" in render("full", "instructor_hard", seed="Why?", count=3)[0]["content"]
    assert "something of the sea" in render("full", "instructor_soft", seed="Why?", count=3)[0]["content"]
    load_types(loaded)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("from seif.constraints.custom import soft_type\nsoft_type('sea', category='a', definition='b', example='c', cues='d')", "group:name"),
        ("from seif.constraints.custom import soft_type\nsoft_type('count:sea', category='a', definition='b', example='c', cues='d')", "starts with soft:"),
        (
            "from seif.constraints.custom import hard_type\n"
            "hard_type('punctuation:no_comma', category='a', definition='b', example='c', wordings={})(lambda response: True)",
            "already",
        ),
    ],
)
def test_a_broken_file_is_told_in_one_line(tmp_path, untouched, text, message):
    path = tmp_path / "types.py"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_types(path)
    with pytest.raises(UsageError, match="no file"):
        load_types(tmp_path / "absent.py")


def test_the_shipped_example_counts_exactly(root, untouched):
    load_types(root / "examples" / "exact_counts.py")
    constraint = compile_text("The response should contain exactly three sentences.")
    assert (constraint.instruction_id, constraint.kwargs) == ("count:exact_sentences", {"count": 3})
    assert verify("One. Two. Three.", constraint.instruction_id, constraint.kwargs)
    assert not verify("One. Two.", constraint.instruction_id, constraint.kwargs)
    assert compile_text("Use exactly 40 words.").kwargs == {"count": 40}
    assert not compile_text("Use exactly 3 sentences about cats.").checkable
