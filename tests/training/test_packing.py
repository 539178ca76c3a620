import pytest
import torch
from transformers import AutoModelForCausalLM

from seif.training.packing import IGNORED, Row, group, pack
from support import NANO

LONG, SHORT = tuple(range(10, 40)), tuple(range(50, 58))
ROWS = [Row(LONG, (5, 6, 7)), Row(SHORT, (8, 9)), Row(LONG, (5,)), Row(LONG, (11, 12, 13, 14))]


def test_rows_of_one_prompt_are_packed_together_unless_their_completions_are_long():
    assert group(ROWS, share=True) == [[0, 2, 3], [1]]
    assert group(ROWS, share=False) == [[0], [2], [3], [1]]
    long = [Row(SHORT, tuple(range(100))) for _ in range(3)]
    assert group(long, share=True) == [[0], [1], [2]]


def test_a_packed_row_holds_the_prompt_once_and_predicts_every_completion():
    packed = pack(ROWS, [[0, 2, 3], [1]], (3, 40), pad=1, device=torch.device("cpu"))
    assert packed.ids.shape == (3, 40)
    assert packed.ids[0].tolist() == [*LONG[:-1], LONG[-1], 5, 6, LONG[-1], LONG[-1], 11, 12, 13, 1, 1, 1]
    assert packed.labels[0].tolist() == [IGNORED] * 29 + [5, 6, 7, 5, 11, 12, 13, 14] + [IGNORED] * 3
    assert packed.positions[0, 29:37].tolist() == [29, 30, 31, 29, 29, 30, 31, 32]
    assert packed.labels[2].tolist() == [IGNORED] * 40
    mask = packed.mask()[0, 0]
    assert mask[32].nonzero().flatten().tolist() == [*range(29), 32]
    unpacked = packed.unpack(packed.labels, ROWS, 5)
    assert unpacked.tolist() == [[5, 6, 7, 0, 0], [8, 9, 0, 0, 0], [5, 0, 0, 0, 0], [11, 12, 13, 14, 0]]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_model_says_the_same_of_a_packed_row_as_of_its_rows_alone(attention):
    model = AutoModelForCausalLM.from_pretrained(NANO / "model", dtype=torch.float32, attn_implementation=attention)
    packed = pack(ROWS, [[0, 2, 3], [1]], (1, 1), pad=1, device=torch.device("cpu"))
    mask = packed.mask()
    if attention == "eager":
        mask = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    with torch.inference_mode():
        logits = model(input_ids=packed.ids, attention_mask=mask, position_ids=packed.positions).logits
        found = logits.log_softmax(-1).gather(-1, packed.labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)
        for row, values in zip(ROWS, packed.unpack(found, ROWS, 4), strict=True):
            ids = torch.tensor([[*row.prompt, *row.completion]])
            alone = model(input_ids=ids).logits.log_softmax(-1)[0, len(row.prompt) - 1 : -1]
            assert torch.allclose(
                values[: len(row.completion)], alone.gather(-1, ids[0, len(row.prompt) :, None]).squeeze(-1), atol=1e-4
            )
