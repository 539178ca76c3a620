import asyncio
import json

import pytest

from seif.journal import Journal, ask_all, ask_missing


class Crash(BaseException):
    """Stands for a kill: nothing may catch it."""


def test_what_is_added_is_there_again(tmp_path):
    path = tmp_path / "deep" / "a.jsonl"
    with Journal(path, 5) as journal:
        journal.add([(3, ["a"]), (0, False)])
        journal.add([])
        journal.add([(1, {"b": "\ud800"})])
        assert [journal.get(i) for i in range(5)] == [False, {"b": "\ud800"}, None, ["a"], None]
        assert list(journal.values()) == [["a"], False, {"b": "\ud800"}]
    with Journal(path, 5) as journal:
        assert list(journal.values()) == [["a"], False, {"b": "\ud800"}]
        assert [i in journal for i in range(5)] == [True, True, False, True, False]
        assert [journal.get(i) for i in range(5)] == [False, {"b": "\ud800"}, None, ["a"], None]
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("torn", ['[[2, "ha', '[[2, "half"]]', "\x00\x00\x00\n", "7\n", '00000000 [[2, "other"]]\n'])
def test_a_torn_line_is_dropped_and_not_glued_to(tmp_path, torn):
    path = tmp_path / "a.jsonl"
    with Journal(path, 3) as journal:
        journal.add([(0, "whole")])
    with path.open("a") as file:
        file.write(torn)
    with Journal(path, 3) as journal:
        assert 2 not in journal
        journal.add([(1, "next")])
    with Journal(path, 3) as journal:
        assert [journal.get(i) for i in range(3)] == ["whole", "next", None]
    assert [json.loads(line.partition(" ")[2]) for line in path.read_text().splitlines()] == [
        [[0, "whole"]],
        [[1, "next"]],
    ]


def test_nothing_is_asked_twice_after_a_crash(tmp_path):
    asked, crashed = [], []

    async def ask(item):
        asked.append(item)
        await asyncio.sleep(0.001 * (item % 7))
        if item == 20 and not crashed:
            crashed.append(item)
            raise Crash
        return item * item

    async def all_of_them(journal):
        await ask_missing(journal, ask, range(40), pending=4)

    with Journal(tmp_path / "a.jsonl", 40) as journal, pytest.raises(Crash):
        asyncio.run(all_of_them(journal))
    with Journal(tmp_path / "a.jsonl", 40) as journal:
        finished = {item for item in range(40) if item in journal}
        assert len(finished) >= 20 - 4
        before = len(asked)
        asyncio.run(all_of_them(journal))
        assert sorted(asked[before:]) == sorted({*range(40)} - finished)
        assert [journal.get(item) for item in range(40)] == [item * item for item in range(40)]


def test_what_failed_is_asked_again_by_the_same_command(tmp_path):
    failing = {3}

    async def ask(item):
        return None if item in failing else item

    assert asyncio.run(ask_all(ask, 5, tmp_path / "a.jsonl")) == [0, 1, 2, None, 4]
    failing.clear()
    assert asyncio.run(ask_all(ask, 5, tmp_path / "a.jsonl")) == [0, 1, 2, 3, 4]
    assert asyncio.run(ask_all(ask, 5, None)) == [0, 1, 2, 3, 4]
