import pytest

from seif.config.parsing import DEEPEST, MOST, ConfigTextError, decode, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1e-6", {"a": 1e-6}),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}", {"a": {"b": 1}, "c": {"b": 2}}),
        ("a: !!str 5", {"a": "5"}),
        ("a: {<<: [{b: 1}, {b: 2, c: 3}]}", {"a": {"b": 1, "c": 3}}),
    ],
)
def test_plain_yaml_is_read_as_people_mean_it(text, value):
    assert parse(text) == value


def test_an_aliased_section_is_a_copy():
    tree = parse("a: &x {b: {c: 1}}\nd: *x")
    tree["d"]["b"]["c"] = 2
    assert tree["a"]["b"]["c"] == 1


def test_limits_are_reached_and_not_passed():
    assert parse("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)) is not None
    with pytest.raises(ConfigTextError, match="levels deep"):
        parse("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))
    assert len(parse("[" + "a, " * (MOST - 1) + "]")) == MOST - 1
    with pytest.raises(ConfigTextError, match="values"):
        parse("[" + "a, " * MOST + "]")


def test_depth_behind_aliases_counts():
    text = "a0: &a0 [x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 60))
    with pytest.raises(ConfigTextError, match="levels deep"):
        parse(text)


def test_a_mark_at_the_start_is_no_text():
    assert decode("\ufeffmodel: x".encode()) == "model: x"
    with pytest.raises(ConfigTextError, match="line 2"):
        decode(b"a: b\nc: \xff\n")
