import json
from dataclasses import asdict

from seif.stage_log import LoggedStep, Outcome


def test_a_logged_step_is_read_as_it_was_written():
    step = LoggedStep(1, "train_follower", 3, {"reward": 0.5, "kl": 0.01}, {"punctuation:no_comma": [3, 0, 1, 2]})
    line = json.loads(json.dumps(step.to_json()))
    assert list(line) == ["turn", "stage", "step", "reward", "kl", "checks"]
    assert LoggedStep.from_json(line) == step


def test_an_outcome_is_read_as_it_was_written():
    outcome = Outcome("Rain?", ("Avoid commas.", "Be kind."), (3, 0), (5, 4), (True, False))
    assert Outcome.from_json(json.loads(json.dumps({"turn": 1, "step": 2, **asdict(outcome)}))) == outcome


def test_a_step_without_checks_has_no_such_key_and_what_is_no_number_is_not_read():
    bare = LoggedStep(1, "pseudo_label", 1)
    assert bare.to_json() == {"turn": 1, "stage": "pseudo_label", "step": 1}
    assert LoggedStep.from_json({**bare.to_json(), "reward": None}) == bare
