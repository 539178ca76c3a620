import pytest

from seif.constraints.compiler import compile_text
from seif.constraints.signature import Shares, Signature, signature_of
from seif.types import Constraint


def bucket(number):
    return signature_of(Constraint("", "length_constraints:number_sentences", {"num_sentences": number})).values[0]


def test_numbers_of_about_the_same_size_share_a_bucket():
    numbers = [0, 1, 2, 5, 6, 9, 10, 19, 20, 49, 50, 99, 100, 199, 200, 999, 1000, 90_000, -3, 2.5]
    labels = [bucket(number).removeprefix("num_sentences=") for number in numbers]
    assert labels == [
        *("0", "1", "2", "5", "6-9", "6-9", "10-19", "10-19", "20-49", "20-49", "50-99", "50-99", "100-199", "100-199"),
        *("200-499", "500-999", "1000+", "1000+", "<0", "2"),
    ]


def test_the_relation_counts_and_free_text_does_not():
    first = compile_text("Write at least 12 sentences.")
    assert signature_of(first) == Signature(
        "length_constraints:number_sentences", ("num_sentences=10-19", "relation=at least")
    )
    assert signature_of(compile_text("Write at least 15 sentences.")) == signature_of(first)
    assert signature_of(compile_text("Write less than 12 sentences.")) != signature_of(first)
    phrases = [Constraint("", "startend:end_checker", {"end_phrase": phrase}) for phrase in ("Bye.", "That is all.")]
    assert {signature_of(c) for c in phrases} == {Signature("startend:end_checker", ("end_phrase",))}
    assert signature_of(Constraint("", "keywords:existence", {"keywords": ["a"], "x": True})).values == (
        "keywords",
        "x=True",
    )


def test_nulls_of_a_file_are_no_values():
    assert signature_of(Constraint("", "punctuation:no_comma", {"keyword": None})) == Signature("punctuation:no_comma")


def test_what_no_rule_checks_is_its_type():
    assert signature_of(Constraint("Write in a kind tone.")) == Signature("soft:tone_and_emotion")


def test_a_share_is_the_mean_of_the_types_and_the_signatures():
    two, six, other = Signature("a", ("n=2",)), Signature("a", ("n=6-9",)), Signature("b")
    shares = Shares([two, two, six, other])
    assert shares.of(two) == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert shares.of(six) == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert shares.of(other) == pytest.approx(1 / 4)
    assert shares.of(Signature("a", ("n=1",))) == pytest.approx(3 / 8)
    assert shares.of(Signature("c")) == Shares([]).of(two) == 0.0
