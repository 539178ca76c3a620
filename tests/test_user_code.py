import sys

import pytest

from seif.errors import BrokenPart, RunError
from seif.user_code import at_line, called, printing_aside


def raised(error, file=None):
    with pytest.raises(BrokenPart) as told, called("the check of my:type", file):
        raise error
    return str(told.value)


def test_whatever_is_raised_is_one_line_with_the_part():
    assert raised(ValueError("a\nb")) == "the check of my:type failed: ValueError: a b"
    assert raised(SystemExit(0)) == "the check of my:type failed: SystemExit: 0"


def test_the_plugins_last_line_is_named():
    said = raised(KeyError("a"), __file__)
    assert f"failed at {__file__}, line " in said
    assert said.endswith(f"correct {__file__}")


@pytest.mark.parametrize("error", [RunError("gone"), MemoryError(), KeyboardInterrupt()])
def test_what_is_not_the_users_passes(error):
    with pytest.raises(type(error)), called("the check of my:type", None):
        raise error


def test_what_is_printed_goes_to_standard_error(capsys):
    with printing_aside():
        print("noise")
        with printing_aside():
            print("more")
    print("a result")
    out = capsys.readouterr()
    assert (out.out, out.err) == ("a result\n", "noise\nmore\n")


def test_an_error_elsewhere_has_no_line():
    assert at_line(ValueError("never raised"), __file__) == ""
    assert sys.stdout is not sys.stderr
