from seif.training.data import data_order, fitting


def test_the_data_order_is_whole_epochs_and_fills_small_sets():
    order = data_order(6, 4, 3, seed=1)
    assert len(order) == 12
    assert all(len(set(order[i : i + 4])) == 4 for i in (0, 4, 8))
    assert order == data_order(6, 4, 3, seed=1) != data_order(6, 4, 3, seed=2)
    assert sorted(data_order(2, 4, 1, seed=1)) == [0, 0, 1, 1]


def test_prompts_that_fit_are_found_by_their_tokens(model):
    prompts = [[{"role": "user", "content": text}] for text in ("cat", "old " * 100, "river")]
    assert fitting(str(model), prompts, 40) == [0, 2]
