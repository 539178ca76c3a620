import pytest

from seif.constraints.audit import audit, examine
from seif.types import Constraint

LOWER = Constraint("lower", "change_case:english_lowercase")
CAPITAL = Constraint("capital", "change_case:english_capital")
TITLE = Constraint("title", "detectable_format:title")
KIND = Constraint("Be kind.")


def test_every_set_is_counted_once_and_soft_constraints_are_left_out():
    summary = audit([examine(s) for s in ((LOWER, CAPITAL), (LOWER, TITLE, KIND), (KIND,), (CAPITAL, KIND, LOWER))])
    assert summary.sets == 4
    assert summary.outcomes == {"contradictory": 2, "witnessed": 1, "open": 0, "uncheckable": 1, "refused": 0}
    assert sum(summary.shares.values()) == pytest.approx(1)
    assert summary.to_json()["contradictory"] == 2
    assert summary.reasons == {"case": 2}
    assert (summary.partly_compiled, summary.constraints, summary.compiled_constraints) == (2, 9, 6)
    assert "lower" in summary.examples["case"]


def test_no_sets_give_no_shares():
    assert audit([]).shares == {
        "contradictory": 0.0,
        "witnessed": 0.0,
        "open": 0.0,
        "uncheckable": 0.0,
        "refused": 0.0,
    }


def test_sets_that_a_verifier_refuses_are_counted_apart():
    summary = audit([examine((Constraint("bullets", "detectable_format:number_bullet_lists", {}),)), examine((LOWER,))])
    assert (summary.outcomes["refused"], summary.outcomes["witnessed"]) == (1, 1)
    assert "num_bullets" in summary.examples["refused"]


def test_a_record_shows_what_proves_the_outcome():
    clash, fine = examine((LOWER, CAPITAL)).record(), examine((TITLE, KIND)).record()
    assert (clash["outcome"], clash["witness"]) == ("contradictory", None)
    assert "exclude each other" in clash["reason"]
    assert (fine["outcome"], fine["reason"], fine["compiled"]) == ("witnessed", None, 1)
    assert "<<" in fine["witness"]
