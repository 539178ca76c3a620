import asyncio

import pytest

from seif.engines.base import Completion, Request
from seif.engines.metered import Metered, add_up, count, counting
from seif.engines.scripted import ScriptedEngine


def request(length=1):
    return Request([{"role": "user", "content": "x" * length}], max_tokens=8)


@pytest.fixture
def engine():
    """Reads a token per character and writes two."""
    return ScriptedEngine(
        lambda r: Completion("a b", "stop", prompt_tokens=len(r.messages[0]["content"]), new_tokens=2)
    )


def test_each_role_has_its_tokens(engine):
    with counting() as tokens:
        for role, length in (("judger", 5), ("answerer", 7), ("judger", 1)):
            found = asyncio.run(Metered(engine, role).complete(request(length)))
            assert found.text == "a b"
    assert dict(tokens.read) == {"judger": 6, "answerer": 7}
    assert dict(tokens.written) == {"judger": 4, "answerer": 2}
    assert list(tokens.totals().items()) == [("answerer", 9), ("judger", 10)]


def test_what_is_asked_at_once_is_counted_apart(engine):
    async def item(length):
        metered = Metered(engine, "judger")
        with counting() as tokens:
            await asyncio.sleep(0)
            await asyncio.gather(metered.complete(request(length)), metered.complete(request(length)))
        return tokens.totals()

    async def all_of_them():
        with counting() as outside:
            found = await asyncio.gather(*(item(length) for length in (1, 10, 100)))
        return found, outside.totals()

    assert asyncio.run(all_of_them()) == ([{"judger": 6}, {"judger": 24}, {"judger": 204}], {})


def test_a_block_ends_where_it_ends(engine):
    with pytest.raises(KeyError), counting() as broken:
        raise KeyError
    with counting() as outer:
        count("follower", 1, 2)
        with counting() as inner:
            count("follower", written=10)
        count("follower", read=100)
    count("follower", 1000)
    asyncio.run(Metered(engine, "judger").complete(request()))
    assert (broken.totals(), outer.totals(), inner.totals()) == ({}, {"follower": 103}, {"follower": 10})


def test_totals_add_up():
    assert list(add_up([{"judger": 2}, {}, {"filter": 1, "judger": 3}]).items()) == [("filter", 1), ("judger", 5)]
    assert add_up([]) == {}
