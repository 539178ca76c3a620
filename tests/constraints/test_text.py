import pytest

from seif.constraints import text as texts
from seif.constraints.text import capital_words, count_sentences, count_words, language_of
from seif.errors import UsageError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It is old.", 1),
        ("It is old. It is new!", 2),
        ("It is old? Yes.", 2),
        ("It is old\nP.S. It is new.", 2),
        ("It is old.\nP.S. It is new.", 3),
        ("It is 5 p.m. The sun is low.", 2),
        ("In the U.S. Congress met.", 1),
        ("J. R. Smith is old.", 1),
        ("* a\n* b\n* c", 1),
        ("First, e.g. this one.", 2),
        ("<<The Cat>>\nIt is old.", 1),
        ("It is 3.5 long.", 1),
        ('"It is old." "It is new."', 2),
        ("- It is old.\n- It is new.", 2),
        ("It is old... It is new", 2),
        ("Dr. Ben is old.", 1),
        ("", 0),
    ],
)
def test_count_sentences(text, count):
    assert count_sentences(text) == count


def test_a_long_text_is_counted_in_pieces_as_if_it_were_one(monkeypatch):
    text = "It is old and new. Dr. Ben saw it... We know. What? The cat sat by the lake! " * 40
    whole = count_sentences(text)
    monkeypatch.setattr(texts, "PIECE", 100)
    assert count_sentences(text) == whole == 200


@pytest.mark.slow
def test_a_megabyte_of_stops_is_an_error_not_a_guess():
    with pytest.raises(UsageError, match="mostly punctuation"):
        count_sentences(". " * 500_000)


def test_words_and_capital_words():
    assert count_words("I don't know 3.5 ways") == 7
    assert capital_words("NASA and the U.S. saw I-90 Now") == 3


def test_the_language_of_a_text_is_the_same_every_time():
    assert {language_of.__wrapped__("Das ist ein alter Garten.") for _ in range(20)} == {"de"}
    assert language_of("123") is None
    assert language_of("THE OLD TRAIN WAITS BY THE GATE.") == "en"
    assert language_of("DER ALTE ZUG WARTET AM TOR.") == "de"
