import pytest

from seif.constraints import text as texts
from seif.constraints.text import capital_words, count_sentences, count_words, language_of
from seif.errors import Unverifiable


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


def test_more_stops_than_are_cut_are_an_error_not_a_guess():
    assert count_sentences(f"{'It is old. ' * 900}It is new.") == 901
    with pytest.raises(Unverifiable, match="500,000 stops"):
        count_sentences(". " * 500_000)


@pytest.mark.parametrize("unit", [". ", "?!", "It is old. "])
def test_no_clock_decides(unit):
    from nltk import redos

    count_sentences("It is old.")
    capital_words("It is old.")
    assert redos.DEFAULT_TIMEOUT is None
    assert count_sentences(unit * 2000) == count_sentences(unit * 2000)


def test_words_and_capital_words():
    assert count_words("I don't know 3.5 ways") == 7
    assert capital_words("NASA and the U.S. saw I-90 Now") == 3


def test_the_language_of_a_text_is_the_same_every_time():
    assert {texts._detected.__wrapped__("Das ist ein alter Garten.") for _ in range(20)} == {"de"}
    assert language_of("123") is None
    assert language_of("THE OLD TRAIN WAITS BY THE GATE.") == "en"
    assert language_of("DER ALTE ZUG WARTET AM TOR.") == "de"
