import pytest
from hypothesis import given
from hypothesis import strategies as st

from seif.constraints.verifiers import VERIFIERS, verify
from seif.errors import UsageError

CASES = [
    ("punctuation:no_comma", {}, "It is old.", True),
    ("punctuation:no_comma", {}, "It is old, and new.", False),
    ("change_case:english_lowercase", {}, "the cat. it is old.", True),
    ("change_case:english_lowercase", {}, "the cat. It is old.", False),
    ("change_case:english_capital", {}, "THE CAT *SAT* BY 2.", True),
    ("change_case:english_capital", {}, "THE CAT SaT.", False),
    ("startend:quotation", {}, '"The cat."', True),
    ("startend:quotation", {}, '"The cat.', False),
    ("startend:quotation", {}, 'The "cat"', False),
    ("startend:quotation", {}, '"', False),
    ("startend:end_checker", {"end_phrase": "That is all."}, "The cat. That is all.", True),
    ("startend:end_checker", {"end_phrase": "That is all."}, '"The cat. THAT IS ALL."', True),
    ("startend:end_checker", {"end_phrase": "That is all."}, "That is all. The cat.", False),
    ("startend:end_checker", {"end_phrase": "That is all."}, "The cat. That is", False),
    ("detectable_format:title", {}, "<<The Cat>>\nIt is old.", True),
    ("detectable_format:title", {}, "<The Cat>\nIt is old.", False),
    ("detectable_format:title", {}, "<<The Cat\nIt is old.", False),
    ("detectable_format:title", {}, "<<>>\nIt is old.", False),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "- a\n- b", True),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", True),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "- a\n- b\n- c", False),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, '"- a\n- b"', False),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "a *b* c *d*", True),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "a *b* c *d", False),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "a\n***\nb", False),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"}, "It is old. It is new.", True),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": "at least"}, "It is old. It is new.", False),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "less than"}, "It is old. It is new.", False),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": "less than"}, "It is old. It is new.", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb\n***\n", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\n***\nb", False),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n\nb", False),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "a\nP.S. b", True),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "a\np. s. b", True),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "a\nPS b", False),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] saw [place].", True),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] saw [place.", False),
]


@pytest.mark.parametrize(("instruction_id", "kwargs", "response", "expected"), CASES)
def test_positive_negative_and_near_miss(instruction_id, kwargs, response, expected):
    assert verify(response, instruction_id, kwargs) is expected


def test_every_verifier_has_a_positive_and_a_negative_case():
    for outcome in (True, False):
        assert {case[0] for case in CASES if case[3] is outcome} == set(VERIFIERS)


@pytest.mark.parametrize("instruction_id", sorted(VERIFIERS))
def test_an_empty_response_satisfies_nothing(instruction_id):
    kwargs = next(case[1] for case in CASES if case[0] == instruction_id)
    assert verify(" \n", instruction_id, kwargs) is False


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=9))
def test_exactly_the_written_number_of_bullets_passes(items):
    text = "\n".join(f"- {item}" for item in items)
    passing = [n for n in range(12) if verify(text, "detectable_format:number_bullet_lists", {"num_bullets": n})]
    assert passing == [len(items)]


@given(st.integers(1, 9), st.integers(1, 10))
def test_at_least_and_less_than_are_opposites(written, threshold):
    text = " ".join(["It is old."] * written)
    at_least = verify(text, "length_constraints:number_sentences", {"num_sentences": threshold, "relation": "at least"})
    less_than = verify(text, "length_constraints:number_sentences", {"num_sentences": threshold, "relation": "less than"})
    assert at_least is (written >= threshold)
    assert less_than is not at_least


def test_a_float_from_parquet_is_the_integer_it_stands_for():
    assert verify("- a\n- b", "detectable_format:number_bullet_lists", {"num_bullets": 2.0, "relation": None})


@pytest.mark.parametrize(
    ("instruction_id", "kwargs", "message"),
    [
        ("no:such_id", {}, "no verifier"),
        ("punctuation:no_comma", {"num_bullets": 3}, "takes no arguments"),
        ("detectable_format:number_bullet_lists", {}, "num_bullets"),
        ("detectable_format:number_bullet_lists", {"num_bullets": 2.5}, "whole number"),
        ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "about"}, "relation"),
    ],
)
def test_mistakes_raise_instead_of_passing(instruction_id, kwargs, message):
    with pytest.raises(UsageError, match=message):
        verify("It is old.", instruction_id, kwargs)
