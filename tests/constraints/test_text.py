import pytest

from seif.constraints.text import count_sentences


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It is old.", 1),
        ("It is old. It is new!", 2),
        ("It is old? Yes.", 2),
        ("It is old\nP.S. It is new.", 1),
        ("It is old.\nP.S. It is new.", 2),
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
