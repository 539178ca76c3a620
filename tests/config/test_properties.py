"""Whatever stands in a config, it is read as it was meant or refused in one line."""

import contextlib
import json

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from faults.config import leaves
from seif.config.parsing import ConfigTextError, decode, parse
from seif.config_file import build_config, load_config
from seif.errors import UsageError

KEYS = [key for key, _ in leaves()]
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([0, 1, -1, 0.5, 10**12, 2**63, 1e308, True]))
NAMES = st.one_of(
    st.text(max_size=20), st.sampled_from(["auto", "rules", "x", "", "\x00", "\ud800", "a\nb", "x" * 300])
)
VALUES = st.recursive(
    st.one_of(st.none(), NUMBERS, NAMES),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(NAMES, below, max_size=3)),
    max_leaves=5,
)
ONE_LINE = 100_000
"""Characters that no complaint has; a pathological value is cut."""


@contextlib.contextmanager
def refused_in_one_line():
    try:
        yield
    except UsageError as error:
        said = str(error)
        assert "\n" not in said
        assert len(said) < ONE_LINE
        assert "Input should" not in said


def tree_with(key, value):
    tree = {"model": "x"}
    node = tree
    *parents, last = key.split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
    node[last] = value
    return tree


@settings(max_examples=300, deadline=None)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_of_any_key(key, value):
    with refused_in_one_line():
        config = build_config(tree_with(key, value), "test")
        written = yaml.safe_dump(config.model_dump(mode="json"), allow_unicode=True)
        assert build_config(parse(written), "again") == config


@settings(max_examples=200, deadline=None)
@given(key=st.sampled_from(KEYS), value=st.one_of(st.text(), VALUES.map(lambda v: json.dumps(v, allow_nan=True))))
def test_any_text_as_an_override(key, value):
    with refused_in_one_line():
        load_config(None, ["model=x", f"{key}={value}"])


@settings(max_examples=200, deadline=None)
@given(override=st.one_of(st.text(), st.from_regex(r"[a-z.]*=?[a-z\[{&*!|>%@`'\": 0-9.-]*", fullmatch=True)))
def test_any_text_as_an_override_and_its_key(override):
    with refused_in_one_line():
        load_config(None, ["model=x", override])


@settings(max_examples=300, deadline=None)
@given(
    content=st.one_of(st.binary(), st.text(alphabet="a:-[]{}&*!|>'\"#%@`?,<=\n\t 01.ex~", max_size=60).map(str.encode))
)
def test_any_bytes_as_a_config(content):
    with contextlib.suppress(ConfigTextError):
        parse(decode(content))
