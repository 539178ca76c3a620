import random
import tracemalloc

import pytest

from seif.training.data import data_order, fitting, permuted


def test_the_data_order_is_whole_epochs_and_fills_small_sets():
    order = data_order(6, 4, 3, seed=1)
    assert len(order) == 12
    assert all(len(set(order[i : i + 4])) == 4 for i in (0, 4, 8))
    assert order == data_order(6, 4, 3, seed=1) != data_order(6, 4, 3, seed=2)
    assert sorted(data_order(2, 4, 1, seed=1)) == [0, 0, 1, 1]


@pytest.mark.parametrize("size", [1, 2, 20, 21, 22, 384])
def test_the_beginning_of_a_permutation_is_that_of_the_whole_one(size):
    for count in {0, 1, size // 3, size // 2, size}:
        whole, part = random.Random(size), random.Random(size)
        assert permuted(size, count, part) == whole.sample(range(size), size)[:count]
        assert part.random() == whole.random()


def test_a_few_rows_of_a_million_take_little_memory():
    tracemalloc.start()
    order = data_order(1_000_000, 64, 10, seed=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(order)) == 640
    assert peak < 1 << 20


def test_prompts_that_fit_are_found_by_their_tokens(model):
    prompts = [[{"role": "user", "content": text}] for text in ("cat", "old " * 100, "river")]
    assert list(fitting(str(model), prompts, 40)) == [True, False, True]
