import pytest

from seif.self_supervised.contrasts import contrasts, split_values, stricter
from seif.types import Constraint


def told(written_for, other):
    return Constraint(other) in contrasts([Constraint(written_for), Constraint(other)])[written_for]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Use exactly 3 bullet points.", ("3",)),
        ("Use exactly Three bullet points.", ("3",)),
        ("End with the phrase 'Well, good luck.'", ("'well, good luck.'",)),
        ('Use "sun" twelve times.', ('"sun"', "12")),
        ("Don't say what it's like.", ()),
        ("文章分为三段。", ("3",)),
        ("Mention no one.", ("1",)),
    ],
)
def test_values_are_numbers_and_quoted_words(text, values):
    assert split_values(text)[1] == values


@pytest.mark.parametrize(
    ("written_for", "other"),
    [
        ("Use exactly 3 bullets.", "Use exactly 2 bullets."),
        ("Write three paragraphs.", "Write two paragraphs."),
        ("End with the phrase 'That is all.'", "End with the phrase 'Have a nice day.'"),
        ("Write at least 3 sentences.", "Write at least 5 sentences."),
        ("Write at least three sentences.", "Write at least 5 sentences."),
        ("Write no fewer than 3 sentences.", "Write no fewer than 5 sentences."),
        ("Write fewer than 5 sentences.", "Write fewer than 3 sentences."),
        ("Write no more than 5 sentences.", "Write no more than 3 sentences."),
        ("The text must not exceed 50 words.", "The text must not exceed 20 words."),
        ("至少写3句。", "至少写5句。"),
        ("最多写五句。", "最多写三句。"),
    ],
)
def test_another_value_is_violated_and_a_bound_only_one_way(written_for, other):
    assert told(written_for, other)
    bound = any(word in written_for for word in ("at least", "than", "exceed", "至少", "最多"))
    assert told(other, written_for) is not bound


@pytest.mark.parametrize(
    ("written_for", "other"),
    [
        ("Use exactly 3 bullets.", "Use exactly 3 bullets."),
        ("Use exactly 3 bullets.", "Give exactly 2 bullets."),
        ("Use exactly 3 bullets.", "Use exactly three bullets."),
        ("Limit the answer to two sentences.", "Limit the answer to five sentences."),
        ("Limited to 50 words", "Limited to 100 words"),
        ("Write between 3 and 5 sentences.", "Write between 2 and 6 sentences."),
        ("Write 3 to 5 sentences.", "Write 2 to 6 sentences."),
        ("Do not use the word 'sun'.", "Do not use the word 'moon'."),
        ("Avoid the word 'sun'.", "Avoid the word 'moon'."),
        ("不要使用“太阳”。", "不要使用“月亮”。"),
        ("Use at least 2 of 'sun'.", "Use at least 2 of 'moon'."),
        ("Write at least 3 words in at most 5 lines.", "Write at least 2 words in at most 5 lines."),
    ],
)
def test_what_an_answer_may_well_satisfy_is_no_contrast(written_for, other):
    assert not told(written_for, other)


def test_contrasts_are_the_others_of_one_wording_each_once():
    texts = ["Use 3 bullets.", "Be kind.", "Use 2 bullets.", "Use 3 bullets.", "Give 2 bullets."]
    found = contrasts(map(Constraint, texts))
    assert {text: [c.text for c in others] for text, others in found.items()} == {
        "Use 3 bullets.": ["Use 2 bullets."],
        "Use 2 bullets.": ["Use 3 bullets."],
        "Be kind.": [],
        "Give 2 bullets.": [],
    }


@pytest.mark.parametrize(
    ("text", "harder"),
    [
        ("Write at least 3 sentences.", "Write at least 4 sentences."),
        ("Write at least three sentences.", "Write at least four sentences."),
        ("Write at least twelve sentences.", "Write at least 14 sentences."),
        ("Write no more than 5 sentences.", "Write no more than 4 sentences."),
        ("Write fewer than 100 words.", "Write fewer than 80 words."),
        ("Write at least 100 words.", "Write at least 120 words."),
        ("Use exactly 2 bullets.", "Use exactly 3 bullets."),
        ('Use "4 suns" at least 3 times.', 'Use "4 suns" at least 4 times.'),
        ("至少写三句。", "至少写四句。"),
    ],
)
def test_a_stricter_number_stands_in_the_same_wording(text, harder):
    assert stricter(text) == harder
    assert told(text, harder)


@pytest.mark.parametrize(
    "text",
    [
        "Avoid commas.",
        "Write at most 2 sentences.",
        "Write at least 1 sentence.",
        "Write between 3 and 5 sentences.",
        "Write 3 paragraphs of 4 sentences.",
        "Do not write 3 sentences.",
    ],
)
def test_without_one_number_that_can_be_stricter_there_is_no_such_text(text):
    assert stricter(text) is None
