import pytest

from seif.config import Template
from seif.roles.instructor import choose_template, invalid, messages, parse

HARD = Template(prompt="hard", constraints=3)
SOFT = Template(prompt="soft", constraints=5)


@pytest.mark.parametrize(
    "text",
    [
        "1. Avoid commas.\n2. Be kind.",
        '{"c1": "Avoid commas.", "c2": "Be kind."}',
        'Here:\n```json\n{"c1": "Avoid commas.", "c2": "Be  kind."}\n```',
        '<think>{"c1": "no"}</think>{"c1": "Avoid commas.", "c2": "Be kind."}',
    ],
)
def test_lists_and_json_parse(text):
    assert [c.text for c in parse(text, True, 2)] == ["Avoid commas.", "Be kind."]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The river is old.",
        "1. Avoid commas.\n3. Be kind.",
        "1. Avoid commas.\nBe kind.",
        "1. Avoid commas.",
        "1. Avoid commas.\n2. Be kind.\n3. Be brief.",
        "{}",
        '{"c1": 3, "c2": "a"}',
        '{"c1": "", "c2": "a"}',
        '{"c1": "a", "c2": "b"',
        '{"answer": "Paris is the capital.", "note": "It is in France."}',
        '{"c1": "a", "c2": "\\ud83d"}',
        '{"c1": ' + "[" * 100_000,
    ],
)
def test_anything_else_is_invalid(text):
    assert parse(text, True, 2) is None


def test_a_reply_that_was_cut_off_is_invalid():
    assert parse("1. Avoid commas.", False, 1) is None


def test_templates_are_mixed_evenly_and_seeded_per_item():
    drawn = [choose_template((HARD, SOFT), 0, 1, i) for i in range(1000)]
    assert 430 < drawn.count(HARD) < 570
    assert drawn == [choose_template((HARD, SOFT), 0, 1, i) for i in range(1000)]
    assert drawn != [choose_template((HARD, SOFT), 0, 2, i) for i in range(1000)]


@pytest.mark.parametrize("template", [HARD, SOFT])
def test_the_prompt_asks_for_the_right_number_and_holds_the_seed(template):
    content = messages("full", template, "Why <b>{{ 7 * 7 }}</b>?")[0]["content"]
    assert f"exactly {template.constraints}" in content
    assert content.endswith("Why <b>{{ 7 * 7 }}</b>?")


def test_a_set_with_a_held_out_type_is_invalid():
    found = parse("1. Avoid commas.\n2. Be kind.", True, 2)
    assert invalid(found, False, {"punctuation:no_comma"}) == "held-out type"
    assert invalid(found, False, {"soft", "detectable_format:title"}) is None


def test_a_set_that_repeats_itself_or_leaves_the_known_types_is_invalid():
    assert invalid(parse("1. Avoid commas.\n2. avoid commas.", True, 2), False) == "repeated constraint"
    assert invalid(parse("1. Avoid commas.\n2. Be kind.", True, 2), True) == "unknown type"
    assert invalid(parse("1. Avoid commas.\n2. Be kind.", True, 2), False) is None
