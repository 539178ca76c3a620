import pytest

from seif.errors import UsageError
from seif.evaluation.files import merged, read_sections, sections
from seif.evaluation.results import SuiteResult


def test_suites_stand_side_by_side():
    kept = merged({}, "m", {"held_out": {"n": 3}})
    kept = merged(kept, "m", {"lm_eval": {"version": "1", "a": {"acc": 0.1}}})
    kept = merged(kept, "m", {"lm_eval": {"version": "2", "b": {"acc": 0.2}}})
    assert merged(kept, "m", {"held_out": {"n": 4}}) == {
        "model": "m",
        "held_out": {"n": 4},
        "lm_eval": {"version": "2", "a": {"acc": 0.1}, "b": {"acc": 0.2}},
    }


@pytest.mark.parametrize(
    ("text", "message"), [("[]", "no JSON object"), ("{", "not JSON"), ('{"model": "other"}', "numbers of other")]
)
def test_a_file_that_can_not_be_added_to_is_left_alone(tmp_path, text, message):
    path = tmp_path / "out.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_sections(path, "m")


def test_a_new_file_holds_nothing(tmp_path):
    assert read_sections(None, "m") == read_sections(tmp_path / "new.json", "m") == {}


def test_a_suite_is_written_under_its_name_with_its_details_where_it_has_some():
    plain = SuiteResult(numbers={"share": 0.5}, n=2)
    assert sections("one-word", plain) == {"one_word": {"numbers": {"share": 0.5}, "n": 2}}
    detailed = SuiteResult(numbers={"share": 0.5}, n=2, details={"a": 1})
    assert sections("ifeval", detailed) == {"ifeval": {"a": 1}}
    assert sections("held-out", detailed) == {"a": 1}
