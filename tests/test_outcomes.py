import json
from dataclasses import asdict

import pytest

from seif.errors import RunError
from seif.outcomes import in_between, iter_outcomes, outcomes_of, read_outcomes
from seif.scoring import Score
from seif.stage_log import Outcome
from seif.types import Constraint, Instruction, Verdict

S, V, U = Verdict.SATISFIED, Verdict.VIOLATED, Verdict.UNJUDGED
RAIN = Instruction("Rain?", (Constraint("Avoid commas."), Constraint("Be kind.")))
SNOW = Instruction("Snow?", (Constraint("Be brief."),))


def judged(*verdicts):
    return Score(0.5, "judged", verdicts=verdicts)


def test_a_step_has_one_outcome_per_instruction():
    """Rows come in any order; row 2 is a general question."""
    scores = [judged(S, V), Score(1.0, "right"), judged(V), judged(S, S), judged(U, S)]
    found = outcomes_of([0, 2, 1, 0, 0], scores, {0: RAIN, 1: SNOW})
    assert found == [
        Outcome("Rain?", ("Avoid commas.", "Be kind."), (2, 2), (2, 3), (True, True)),
        Outcome("Snow?", ("Be brief.",), (0,), (1,), (False,)),
    ]


def test_rows_that_came_back_are_not_the_turns_own():
    found = outcomes_of([0, 1], [judged(S, V), judged(V)], {0: RAIN, 1: SNOW}, {1})
    assert [outcome.own for outcome in found] == [True, False]
    assert [Outcome.from_json(asdict(outcome)) for outcome in found] == found


def test_a_reply_of_bad_format_judges_nothing():
    (found,) = outcomes_of([0, 0], [Score(0.0, "bad format", constraints=RAIN.constraints)] * 2, {0: RAIN})
    assert (found.satisfied, found.judged, found.best) == ((0, 0), (0, 0), (False, False))
    assert not in_between(found)


def test_what_several_steps_saw_of_an_instruction_is_added_up(tmp_path):
    seen = [
        Outcome("a?", ("x", "y"), (3, 0), (4, 4), (True, False)),
        Outcome("a?", ("x",), (1,), (4,), (True,)),
        Outcome("a?", ("x", "y"), (1, 1), (4, 3), (True, True)),
    ]
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(json.dumps({"turn": 1, "step": 1, **asdict(o)}) + "\n" for o in seen))
    assert read_outcomes(path) == [Outcome("a?", ("x", "y"), (4, 1), (8, 7), (True, True)), seen[1]]
    assert list(iter_outcomes(path)) == seen
    with pytest.raises(RunError, match=r"none\.jsonl is gone"):
        read_outcomes(tmp_path / "none.jsonl")


def test_an_instruction_is_in_between_when_verdicts_differ():
    def outcome(*satisfied):
        return Outcome("a?", ("x", "y"), satisfied, (4, 4), (True, True))

    assert [in_between(o) for o in (outcome(0, 0), outcome(4, 0), outcome(4, 3), outcome(4, 4))] == [
        False,
        True,
        True,
        False,
    ]
