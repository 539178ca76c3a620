import json

import pytest

from seif.errors import UsageError
from seif.evaluation.showcase import ShownConstraint, ShownSeed, read_showcase, write_showcase


def test_a_showcase_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "showcase.json"
    marks = (ShownConstraint("Avoid commas.", True), ShownConstraint("Be kind.", None))
    shown = [ShownSeed("Why?", marks, "Because."), ShownSeed("How?")]
    write_showcase(path, shown)
    assert read_showcase(path) == shown
    assert json.loads(path.read_text())[1] == {"seed": "How?", "constraints": [], "answer": None, "conflict": None}


def test_a_turn_that_shows_nothing_has_no_file(tmp_path):
    assert read_showcase(tmp_path / "showcase.json") == []


@pytest.mark.parametrize("text", ["[{}]", "[1]", "7", "{"])
def test_a_damaged_showcase_is_named(tmp_path, text):
    path = tmp_path / "showcase.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"showcase\.json( line 1)? is damaged"):
        read_showcase(path)
