import pytest

from seif.constraints import TYPES
from seif.constraints.taxonomy import OTHER, by_category, classify
from seif.roles.templates import render


def test_the_table_holds_the_papers_25_hard_and_25_soft_types():
    assert sum(t.hard and not t.benchmark for t in TYPES.values()) == 25
    assert sum(t.id.startswith("soft:") for t in TYPES.values()) == 25
    assert all(t.category and t.definition and t.example for t in TYPES.values())


def test_the_instructor_is_asked_for_24_hard_types_and_never_for_a_contradiction():
    assert sum(len(v) for v in by_category(hard=True).values()) == 24
    assert "soft:contradictory" not in {t.id for types in by_category(hard=False).values() for t in types}
    for name, hard in (("instructor_hard", True), ("instructor_soft", False)):
        prompt = render("full", name, seed="Why?", count=3, asked=())[0]["content"]
        for category, types in by_category(hard).items():
            assert category in prompt
            assert all(t.definition in prompt for t in types)


def test_a_benchmarks_types_are_in_no_prompt_and_no_text_leads_to_them():
    kinds = [t for t in TYPES.values() if t.benchmark]
    assert len(kinds) == 58
    named = {t.id for hard in (True, False) for group in by_category(hard).values() for t in group}
    assert not named & {t.id for t in kinds}
    assert not {classify(text) for t in kinds for text in (t.example, t.definition)} & {t.id for t in kinds}


@pytest.mark.parametrize("kind", [t for t in TYPES.values() if not t.benchmark], ids=lambda t: t.id)
def test_every_example_is_of_its_own_type(kind):
    assert classify(kind.example) == kind.id


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Use exactly 3 sentences.", "soft:sentence_count"),
        ("Write in a cheerful tone.", "soft:tone_and_emotion"),
        ("Answer as a pirate.", "soft:role_based"),
        ("Avoid metaphors.", "soft:inverse"),
        ("Sing.", OTHER),
        ("", OTHER),
    ],
)
def test_a_text_no_rule_checks_gets_a_guess(text, kind):
    assert classify(text) == kind
