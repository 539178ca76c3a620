import json

import pytest
from fake_run import make_run


def test_a_table_numbers_and_a_page(call, tmp_path):
    one, two = make_run(tmp_path / "a" / "run"), make_run(tmp_path / "b" / "run", seed=1)
    code, out, err = call("compare", one.root, two.root, "--out", tmp_path / "compare.html")
    assert (code, err) == (0, "")
    assert "61.2 ± 1.0" in out
    assert f"page: {tmp_path}/compare.html" in out
    assert "SEIF comparison" in (tmp_path / "compare.html").read_text()
    numbers = json.loads(call("compare", one.root, two.root, "--json")[1])
    assert [run["name"] for run in numbers["runs"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("more", "message"),
    [([], "two runs or more"), (["nowhere"], "nowhere is not a run directory"), (["--out", "."], "is a directory")],
)
def test_mistakes_are_one_line(call, tmp_path, more, message):
    code, _, err = call("compare", make_run(tmp_path / "run").root, *more)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
