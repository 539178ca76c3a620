import pytest
import torch
from transformers import AutoModelForCausalLM, DynamicCache

from seif.engines.shapes import BLOCK, PreallocatedLayer, compiles_shapes, filled, round_up
from support import NANO


def test_sizes_are_few_and_never_much_too_large():
    assert [round_up(n) for n in (1, 2, 7, 8, 9, 13, 17, 33, 64, 65, 120)] == [1, 2, 7, 8, 10, 14, 20, 40, 64, 80, 128]
    for n in range(1, 2000):
        assert n <= round_up(n) <= 1.25 * n
        assert round_up(round_up(n)) == round_up(n)
    assert len({round_up(n) for n in range(1, 1025)}) == 36
    assert all(n <= round_up(n, 8) <= 1.125 * n for n in range(1, 2000))
    assert (filled(33, few=True), filled(33, few=False), filled(33, few=True, an_octave=8)) == (40, 33, 36)


def test_shapes_are_few_only_where_they_are_compiled():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert compiles_shapes(cpu, torch.bfloat16)
    assert not compiles_shapes(cpu, torch.float32)
    assert not compiles_shapes(gpu, torch.bfloat16)


def test_slots_come_in_blocks_while_writing_and_singly_while_reading():
    layer = PreallocatedLayer(few=True)

    def add(count):
        keys, _ = layer.update(torch.ones(2, 1, count, 4), torch.ones(2, 1, count, 4))
        return keys.shape[-2], int(keys[0, 0, :, 0].sum())

    assert layer.get_mask_sizes(5) == (5, 0)
    assert add(5) == (5, 5)
    assert layer.get_mask_sizes(1) == (BLOCK, 0)
    assert add(1) == (BLOCK, 6)
    for written in range(7, BLOCK + 1):
        assert add(1) == (BLOCK, written)
    assert add(1) == (2 * BLOCK, BLOCK + 1)
    assert layer.get_seq_length() == BLOCK + 1
    assert layer.get_mask_sizes(3) == (BLOCK + 4, 0)
    assert add(3) == (BLOCK + 4, BLOCK + 4)


def test_elsewhere_exactly_the_tokens_are_seen_and_memory_is_taken_once():
    layer = PreallocatedLayer(few=False)
    layer.reserve = 40
    memory = set()
    for written, count in ((5, 5), *((n, 1) for n in range(6, 46))):
        keys, values = layer.update(*(torch.full((2, 1, count, 4), float(written)) for _ in range(2)))
        memory.add((keys.untyped_storage().data_ptr(), values.untyped_storage().data_ptr()))
        assert keys.shape[-2] == layer.get_seq_length() == written
    assert len(memory) == 1
    assert keys[0, 0, :, 0].tolist() == [5.0] * 5 + [float(n) for n in range(6, 46)]
    layer.update(torch.zeros(2, 1, 1, 4), torch.zeros(2, 1, 1, 4))
    assert layer.get_mask_sizes(1) == (47, 0)


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_model_sees_what_it_sees_with_a_cache_of_transformers(attention, few):
    model = AutoModelForCausalLM.from_pretrained(NANO / "model", dtype=torch.float32, attn_implementation=attention)
    ids = torch.randint(5, 1500, (3, 50), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[0, :7] = 0
    found = []
    for roomy in (True, False):
        cache = DynamicCache(config=model.config)
        if roomy:
            cache.layers = [PreallocatedLayer(few) for _ in cache.layers]
        logits, seen = [], 0
        for width in (20, 9, *[1] * 21):
            seen += width
            visible = mask[:, :seen]
            visible = torch.nn.functional.pad(visible, (0, cache.get_mask_sizes(width, 0)[0] - seen))
            position = (mask[:, :seen].cumsum(1) - 1).clamp_min(0)[:, seen - width :]
            with torch.inference_mode():
                out = model(
                    input_ids=ids[:, seen - width : seen],
                    attention_mask=visible,
                    position_ids=position,
                    past_key_values=cache,
                    use_cache=True,
                )
            logits.append(out.logits[:, -1])
        found.append(torch.stack(logits))
    assert torch.allclose(*found, atol=1e-4)
