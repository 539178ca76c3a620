import pytest
from hypothesis import given
from hypothesis import strategies as st

from seif.constraints import TYPES
from seif.constraints.text import loosened
from seif.constraints.verifiers import MOST_CHARACTERS, verdict_of, verify, verify_loose
from seif.errors import Unverifiable, UsageError
from seif.types import Constraint, Verdict

HARD = {kind.id for kind in TYPES.values() if kind.hard and not kind.benchmark}

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
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "at least"},
        "It is old. It is new.",
        True,
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "at least"},
        "It is old. It is new.",
        False,
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "less than"},
        "It is old. It is new.",
        False,
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "less than"},
        "It is old. It is new.",
        True,
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb\n***\n", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\n***\nb", False),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n\nb", False),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "a\nP.S. b", True),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "a\np. s. b", True),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "a\nPS b", False),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] saw [place].", True),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] saw [place.", False),
    ("detectable_content:number_placeholders", {"num_placeholders": 1}, "[name\n]", False),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[[name] and [place]", True),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "a\nP.P.S b", True),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "a\nP.S. b", False),
    ("keywords:existence", {"keywords": ["Tea", "old cup"]}, "The teapot and the OLD CUP.", True),
    ("keywords:existence", {"keywords": ["tea", "cup"]}, "Only tea.", False),
    ("keywords:existence", {"keywords": ["a.c"]}, "abc", False),
    ("keywords:existence", {"keywords": ["文学"]}, "我喜欢文学作品。", True),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "at least"}, "Tea, then a teapot.", True),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "at least"}, "Tea, then coffee.", False),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "less than"}, "Tea, then a teapot.", False),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "less than"}, "Tea.", True),
    ("keywords:forbidden_words", {"forbidden_words": ["tea", "cup"]}, "A teapot and cups.", True),
    ("keywords:forbidden_words", {"forbidden_words": ["tea", "cup"]}, "One CUP.", False),
    ("keywords:forbidden_words", {"forbidden_words": ["C++"]}, "I like C++.", False),
    ("keywords:forbidden_words", {"forbidden_words": ["文学"]}, "我喜欢文学作品。", False),
    ("keywords:letter_frequency", {"letter": "E", "let_frequency": 3, "let_relation": "at least"}, "Eel tree", True),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 5, "let_relation": "at least"}, "Eel tree", False),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 4, "let_relation": "less than"}, "Eel tree", False),
    ("keywords:letter_frequency", {"letter": "#", "let_frequency": 2, "let_relation": "at least"}, "# a #b", True),
    ("language:response_language", {"language": "de"}, "Das ist ein alter Garten, und er ist sehr schön.", True),
    ("language:response_language", {"language": "de"}, "This is an old garden and it is very nice.", False),
    ("language:response_language", {"language": "de"}, "123 456", False),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "NASA went UP.",
        True,
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "NASA went Up.",
        False,
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        "I saw NASA.",
        False,
    ),
    ("change_case:english_capital", {}, "DAS IST EIN ALTER GARTEN UND ER IST SEHR GROSS.", False),
    ("length_constraints:number_words", {"num_words": 4, "relation": "at least"}, "I don't know.", True),
    ("length_constraints:number_words", {"num_words": 4, "relation": "less than"}, "I don't know.", False),
    ("length_constraints:number_words", {"num_words": 4, "relation": "less than"}, "I do know.", True),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Tea"},
        "A b.\n\n'tea, of course.",
        True,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "tea"},
        "A b.\n\nTeapots.",
        False,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "tea"},
        "A b.\n\nTea.\n\nC.",
        False,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 1, "nth_paragraph": 1, "first_word": "tea"},
        "\n\nTea.",
        False,
    ),
    ("detectable_format:constrained_response", {}, "Well. My answer is maybe.", True),
    ("detectable_format:constrained_response", {}, "My answer is Yes.", False),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        "Section 1\na\nSection 2\nb",
        True,
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        "SECTION 1\na\nSection 2\nb",
        False,
    ),
    ("detectable_format:multiple_sections", {"section_spliter": "Part (", "num_sections": 1}, "Part (1)", True),
    ("detectable_format:json_format", {}, '```json\n{"a": [1, 2]}\n```', True),
    ("detectable_format:json_format", {}, 'Here it is: {"a": 1}', False),
    ("detectable_format:json_format", {}, "[" * 100_000 + "]" * 100_000, False),
    ("combination:two_responses", {}, "One.\n******\nTwo.", True),
    ("combination:two_responses", {}, "One.\n******\nOne.", False),
    ("combination:two_responses", {}, "One.\n******\nTwo.\n******\nThree.", False),
    ("combination:two_responses", {}, "One.\n***\nTwo.", False),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Write a poem. "}, "write a POEM.\nRoses.", True),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Write a poem."}, "Sure. Write a poem.", False),
]


@pytest.mark.parametrize(("instruction_id", "kwargs", "response", "expected"), CASES)
def test_positive_negative_and_near_miss(instruction_id, kwargs, response, expected):
    assert verify(response, instruction_id, kwargs) is expected


def test_every_verifier_has_a_positive_and_a_negative_case():
    for outcome in (True, False):
        assert {case[0] for case in CASES if case[3] is outcome} == HARD


@pytest.mark.parametrize("instruction_id", sorted(HARD))
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
    less_than = verify(
        text, "length_constraints:number_sentences", {"num_sentences": threshold, "relation": "less than"}
    )
    assert at_least is (written >= threshold)
    assert less_than is not at_least


def test_a_float_from_parquet_is_the_integer_it_stands_for():
    assert verify("- a\n- b", "detectable_format:number_bullet_lists", {"num_bullets": 2.0, "relation": None})


CONTRADICTIONS = [
    ("length_constraints:number_words", {"num_words": 0, "relation": "less than"}, "can't be"),
    ("length_constraints:number_words", {"num_words": -3, "relation": "at least"}, "can't be"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "tea"},
        "paragraph 3 of 2",
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "tea."},
        "one word",
    ),
    ("keywords:existence", {"keywords": []}, "list of words"),
    ("keywords:existence", {"keywords": "tea"}, "list of words"),
    ("keywords:forbidden_words", {"forbidden_words": ["tea", " "]}, "list of words"),
    ("keywords:frequency", {"keyword": 3, "frequency": 1, "relation": "at least"}, "must be text"),
    ("keywords:letter_frequency", {"letter": "ab", "let_frequency": 1, "let_relation": "at least"}, "one character"),
    ("language:response_language", {"language": "klingon"}, "one of"),
    ("startend:end_checker", {"end_phrase": "  "}, "empty"),
    ("detectable_format:number_bullet_lists", {"num_bullets": True}, "whole number"),
    ("detectable_format:number_bullet_lists", {"num_bullets": "3"}, "whole number"),
    ("detectable_content:number_placeholders", {"num_placeholders": 0}, "can't be"),
]


@pytest.mark.parametrize(("instruction_id", "kwargs", "message"), CONTRADICTIONS)
def test_arguments_that_no_response_could_meet_or_any_would_raise(instruction_id, kwargs, message):
    with pytest.raises(UsageError, match=message):
        verify("It is old.", instruction_id, kwargs)


def test_loose_takes_away_the_first_line_the_last_and_the_asterisks():
    assert loosened("a *b*\nc\nd") == ["a *b*\nc\nd", "c\nd", "a *b*\nc", "c", "a b\nc\nd", "a b\nc"]
    opening = "Sure, here it is:\nthe old garden is by the lake and it is nice."
    assert not verify(opening, "change_case:english_lowercase", {})
    assert verify_loose(opening, "change_case:english_lowercase", {})
    assert not verify_loose("", "punctuation:no_comma", {})


@given(st.text(), st.sampled_from([case for case in CASES if case[3]]))
def test_what_holds_strictly_holds_loosely(text, case):
    instruction_id, kwargs, response, _ = case
    for reply in (text, response, response + text):
        assert verify_loose(reply, instruction_id, kwargs) or not verify(reply, instruction_id, kwargs)


@given(st.text(st.sampled_from("ab.*+?()[]{}^$|\\文 "), min_size=1, max_size=6).filter(str.strip))
def test_a_keyword_is_literal_text(word):
    assert verify(f"x {word} y", "keywords:existence", {"keywords": [word]})
    assert not verify(f"x {word} y", "keywords:forbidden_words", {"forbidden_words": [word]})
    assert not verify("xyz", "keywords:existence", {"keywords": [word]})


@given(st.lists(st.text("ab \n", max_size=5), min_size=2, max_size=6))
def test_paragraphs_are_counted_as_they_were_joined(parts):
    whole = all(p.strip() for p in parts[1:-1])
    filled = sum(bool(p.strip()) for p in parts)
    text = "***".join(parts)
    passing = [n for n in range(1, 8) if verify(text, "length_constraints:number_paragraphs", {"num_paragraphs": n})]
    assert passing == ([filled] if whole and filled else [])


@pytest.mark.parametrize(
    "text", ["\ud800 abc", "שלום עולם, מה שלומך?", "😀" * 50, "\x00\x01", "ﬁ İ ß ẞ", "\u2028\u2029\x85\r\n"]
)
@pytest.mark.parametrize(("instruction_id", "kwargs"), {case[0]: case[:2] for case in CASES}.values())
def test_any_text_gets_a_verdict(text, instruction_id, kwargs):
    assert verify(text, instruction_id, kwargs) in (True, False)
    assert verify_loose(text, instruction_id, kwargs) in (True, False)


@pytest.mark.slow
@pytest.mark.parametrize("worst", ["\n", "<<", "[", "*", "\n ", '"', "- ", "a@"])
def test_a_megabyte_of_the_worst_characters_gets_a_verdict(worst):
    text = worst * (1_000_000 // len(worst))
    linear = {c[0]: c[:2] for c in CASES}
    for instruction_id, kwargs in linear.values():
        assert verify(text, instruction_id, kwargs) in (True, False)


@pytest.mark.parametrize(
    ("instruction_id", "kwargs", "message"),
    [
        ("no:such_id", {}, "no verifier"),
        ("punctuation:no_comma", "none", "must be a mapping"),
        ("punctuation:no_comma", {"num_bullets": 3}, "takes no arguments"),
        ("detectable_format:number_bullet_lists", {}, "num_bullets"),
        ("detectable_format:number_bullet_lists", {"num_bullets": 2.5}, "whole number"),
        ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "about"}, "relation"),
    ],
)
def test_mistakes_raise_instead_of_passing(instruction_id, kwargs, message):
    with pytest.raises(UsageError, match=message):
        verify("It is old.", instruction_id, kwargs)


def test_a_response_past_the_limit_has_no_verdict():
    words = Constraint("x", "length_constraints:number_words", {"num_words": 3, "relation": "at least"})
    assert verdict_of("It is old.", words) is Verdict.SATISFIED
    assert verdict_of("It is.", words) is Verdict.VIOLATED
    assert verdict_of("a " * (MOST_CHARACTERS // 2), words) is Verdict.SATISFIED
    assert verdict_of("a " * (MOST_CHARACTERS // 2 + 1), words) is Verdict.UNJUDGED
    with pytest.raises(Unverifiable, match="2,000,002 characters"):
        verify("a " * (MOST_CHARACTERS // 2 + 1), words.instruction_id, words.kwargs)
