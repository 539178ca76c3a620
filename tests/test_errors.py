import pytest

from seif.errors import RunError, UsageError, named


def test_whatever_a_part_raises_names_it_and_seifs_own_errors_pass():
    with (
        pytest.raises(RunError, match=r"the judge 'mine' failed: KeyError: 'x'; SEIF_TRACEBACK=1") as found,
        named("the judge 'mine'"),
    ):
        {}["x"]
    assert isinstance(found.value.__cause__, KeyError)
    with pytest.raises(UsageError, match="as it is"), named("the judge 'mine'"):
        raise UsageError("as it is")
