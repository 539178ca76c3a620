import torch

from seif.training.packing import IGNORED, Row, group, pack

ROWS = [Row((1, 2, 3), (4, 5)), Row((1, 2, 3), (6,)), Row((9,), (7, 8))]


def test_rows_of_one_prompt_are_read_together_where_that_is_cheaper():
    assert group(ROWS, share=True) == [[0, 1], [2]]
    assert group(ROWS, share=False) == [[0], [1], [2]]
    long = [Row((1, 2), tuple(range(50))), Row((1, 2), tuple(range(50)))]
    assert group(long, share=True) == [[0], [1]]


def test_a_packed_row_predicts_every_completion_token_at_the_position_it_would_have_alone():
    packed = pack(ROWS, [[0, 1], [2]], (2, 0), pad=0, device=torch.device("cpu"))
    assert packed.ids.tolist() == [[1, 2, 3, 4, 3], [9, 7, 0, 0, 0]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 2], [0, 1, 0, 0, 0]]
    assert packed.labels.tolist() == [[IGNORED, IGNORED, 4, 5, 6], [7, 8, IGNORED, IGNORED, IGNORED]]
    sees = packed.mask()[0, 0]
    assert sees[4].tolist() == [True, True, False, False, True]
    assert sees[3].tolist() == [True, True, True, True, False]


def test_values_come_back_row_by_row():
    packed = pack(ROWS, [[0, 1], [2]], (2, 0), pad=0, device=torch.device("cpu"))
    values = torch.arange(10.0).view(2, 5)
    assert packed.unpack(values, ROWS, 3).tolist() == [[2, 3, 0], [4, 0, 0], [5, 6, 0]]
