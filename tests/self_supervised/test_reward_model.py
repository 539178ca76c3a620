from __future__ import annotations

import dataclasses
import json

import pytest
from easy_pairs import SETTINGS, easy_pairs, fit
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from seif.errors import RunError, UsageError
from seif.self_supervised.inputs import Item
from seif.self_supervised.reward_model import split
from seif.self_supervised.scorer import Scorer, check_classifier
from support import Kill, RecordingLog

QUESTION, RULE = "Tell me about the harbor.", "Use only uppercase."


def test_no_question_is_on_both_sides_and_both_labels_are_on_each():
    pairs = easy_pairs()
    training, held = split(pairs, 0.25, 1)
    assert len(training) + len(held) == len(pairs)
    assert not {p.seed_question for p in training} & {p.seed_question for p in held}
    assert len({p.seed_question for p in held}) == 3
    assert (training, held) == split(pairs, 0.25, 1)
    assert held != split(pairs, 0.25, 2)[1]


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda p: p.label == 1, "all .* pseudo-labels are 1"),
        (lambda p: p.seed_question.endswith("river."), "too few questions"),
    ],
)
def test_one_class_or_too_little_is_told_before_anything_is_loaded(tmp_path, model, keep, message):
    with pytest.raises(UsageError, match=message):
        fit(tmp_path, model, [p for p in easy_pairs() if keep(p)])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_fit_is_told(tmp_path, model):
    with pytest.raises(UsageError, match="reads at most 512 tokens"):
        fit(tmp_path, model, easy_pairs(), SETTINGS.model_copy(update={"max_length": 600}))
    long = [dataclasses.replace(p, constraint="old " * 600) for p in easy_pairs()[:1]]
    with pytest.raises(UsageError, match="leave no room"):
        fit(tmp_path, model, [*easy_pairs(), *long])


@pytest.mark.slow
def test_it_learns_and_says_how_well(reward_model):
    numbers = json.loads(reward_model.with_name("out.json").read_text())
    for against in ("against_labels", "against_verifiers"):
        found = numbers[against]
        assert found["accuracy"] >= 0.9
        assert found["recall_violated"] >= 0.8
        assert found["per_type"]["change_case:english_capital"]["n"] == numbers["held_out_pairs"] == found["n"]
    assert numbers["labels_against_verifiers"]["accuracy"] == 1.0
    assert numbers["train_pairs"] + numbers["held_out_pairs"] == 96
    assert sum(b["n"] for b in numbers["curve"]) == numbers["held_out_pairs"]
    assert numbers["calibration_error"] < 0.25
    assert numbers["shortened"] == 0.0


@pytest.mark.slow
def test_the_checkpoint_is_a_plain_classifier_with_calibrated_logits(reward_model):
    numbers = json.loads(reward_model.with_name("out.json").read_text())
    check_classifier(reward_model)
    yes, no, long = Scorer.load(reward_model, "float32").score(
        [
            Item(QUESTION, RULE, "IT IS OLD."),
            Item(QUESTION, RULE, "It is old."),
            Item(QUESTION, RULE, "IT IS OLD. " * 300),
        ]
    )
    assert yes.probability > 0.5 > no.probability
    assert long.shortened
    assert long.probability is not None
    again = AutoModelForSequenceClassification.from_pretrained(reward_model)
    assert again.config.num_labels == 2
    assert numbers["temperature"] > 0


@pytest.mark.slow
def test_a_killed_training_resumes_and_ends_the_same(tmp_path, model):
    whole, cut, again = RecordingLog(), RecordingLog(), RecordingLog()
    out = fit(tmp_path / "whole", model, easy_pairs(), log=whole)
    steps = whole.steps[-1][0]
    cut.kill_at = steps // 3 + 2
    with pytest.raises(Kill):
        fit(tmp_path / "cut", model, easy_pairs(), log=cut)
    assert not (tmp_path / "cut" / "out").exists()
    resumed = fit(tmp_path / "cut", model, easy_pairs(), log=again)
    assert again.resumed_at == steps // 3
    assert again.steps == [line for line in whole.steps if line[0] > steps // 3]
    a, b = load_file(out / "model.safetensors"), load_file(resumed / "model.safetensors")
    assert all((a[k] == b[k]).all() for k in a)
    assert not (tmp_path / "cut" / "work").exists()


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_with_one_line(tmp_path, model):
    with pytest.raises(RunError, match="learning_rate"):
        fit(tmp_path, model, easy_pairs(), SETTINGS.model_copy(update={"learning_rate": 1e30}))
    assert not (tmp_path / "out").exists()


def test_other_checkpoints_are_refused(tmp_path, model):
    three = tmp_path / "three"
    config = AutoConfig.from_pretrained(model, num_labels=3)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(three)
    AutoTokenizer.from_pretrained(model).save_pretrained(three)
    with pytest.raises(UsageError, match="has 3 labels"):
        Scorer.load(three)
    with pytest.raises(UsageError, match="has 3 labels"):
        fit(tmp_path, three, easy_pairs())
    with pytest.raises(UsageError, match="no sequence classifier"):
        Scorer.load(model)
    with pytest.raises(UsageError, match="can't be loaded"):
        check_classifier(tmp_path / "nothing")
