import pytest

from seif.config.changes import Begun, changes, refusal, without_changeable
from seif.config_file import build_config


def config(**keys):
    return build_config({"model": "x", **keys}, "test")


@pytest.mark.parametrize(
    ("changed", "begun", "said"),
    [
        ({"turns": 5}, Begun(3), ""),
        ({"turns": 2}, Begun(2), ""),
        ({"turns": 1}, Begun(2), "has begun turn 2"),
        ({"evaluation": {"tasks": 3}}, Begun(1), ""),
        ({"evaluation": {"tasks": 3}}, Begun(1, evaluating=True), "midst of an evaluation"),
        ({"evaluation": {"showcase": 1}}, Begun(1), "keys differ: evaluation.showcase"),
        ({"seed": 1, "turns": 9}, Begun(1), r"keys differ: seed. "),
    ],
)
def test_what_decides_no_result_may_change(changed, begun, said):
    found = refusal(config(), config(**changed), begun)
    assert said in found if said else not found


def test_work_is_known_by_what_may_not_change():
    assert without_changeable(config()) == without_changeable(config(turns=9, rollouts=0, evaluation={"tasks": 2}))
    assert without_changeable(config()) != without_changeable(config(seed=9))
    assert [str(change) for change in changes(config(), config(turns=9))] == ["turns: 3 -> 9"]
