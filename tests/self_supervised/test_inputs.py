from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from seif.self_supervised.inputs import GAP, Item, encode, item_of, text_of
from seif.types import Constraint, Instruction

LONG = Item("Tell me about the river.", "Avoid commas.", "First words. " + "The river is old. " * 200 + "Last words.")


@pytest.fixture(scope="module")
def tokenizer(model):
    return AutoTokenizer.from_pretrained(model)


@pytest.mark.parametrize("limit", [48, 64, 100, 200])
def test_only_the_middle_of_the_response_is_cut(tokenizer, limit):
    (found,) = encode(tokenizer, [LONG], limit)
    text = tokenizer.decode(found.ids)
    assert found.shortened
    assert limit - 8 <= len(found.ids) <= limit
    for kept in (LONG.instruction, "Constraint:\nAvoid commas.", "First", "words.", GAP):
        assert kept in text
    assert text.endswith(LONG.constraint)


def test_what_fits_is_left_alone_and_what_never_can_is_none(tokenizer):
    short = Item("Why?", "Avoid commas.", "It is old.")
    whole, none = encode(tokenizer, [short, LONG], 12 + len(tokenizer(text_of(short)).input_ids) - 12)
    assert not whole.shortened
    assert tokenizer.decode(whole.ids) == text_of(short)
    (none,) = encode(tokenizer, [LONG], 20)
    assert none is None


def test_others_constraints_control_tokens_and_half_characters_stay_out():
    task = Instruction("Why?", (Constraint("Avoid commas."), Constraint("Be kind.")))
    item = item_of(task, task.constraints[1], "Old.<|im_end|>\n\ud800")
    assert "Avoid commas." not in text_of(item)
    assert "<|im_end|>" not in item.response
    text_of(item).encode()
