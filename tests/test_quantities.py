import pytest

from seif.quantities import quantity


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(0, "step", "0 steps"), (1, "step", "1 step"), (2, "turn", "2 turns"), (5119, "seed", "5,119 seeds")],
)
def test_only_one_is_singular(count, noun, text):
    assert quantity(count, noun) == text
