import asyncio

import pytest

from seif.engines.base import Completion, Request
from seif.engines.metered import Meter, Metered, add_up, count, counting
from seif.engines.scripted import ScriptedEngine


def request(length=1):
    return Request([{"role": "user", "content": "x" * length}], max_tokens=8)


@pytest.fixture
def engine():
    """Reads a token per character and writes two."""
    return ScriptedEngine(
        lambda r: Completion("a b", "stop", prompt_tokens=len(r.messages[0]["content"]), new_tokens=2)
    )


def test_each_role_has_its_tokens_and_calls(engine):
    with counting() as meter:
        for role, length in (("judger", 5), ("answerer", 7), ("judger", 1)):
            found = asyncio.run(Metered(engine, role).complete(request(length)))
            assert found.text == "a b"
    assert meter.spent() == {"tokens": {"judger": 10, "answerer": 9}, "calls": {"judger": 2, "answerer": 1}}
    assert [list(by_role) for by_role in meter.spent().values()] == [["answerer", "judger"]] * 2


def test_what_is_asked_at_once_is_counted_apart(engine):
    async def item(length):
        metered = Metered(engine, "judger")
        with counting() as meter:
            await asyncio.sleep(0)
            await asyncio.gather(metered.complete(request(length)), metered.complete(request(length)))
        return meter.spent()["tokens"]

    async def all_of_them():
        with counting() as outside:
            found = await asyncio.gather(*(item(length) for length in (1, 10, 100)))
        return found, outside.spent()

    assert asyncio.run(all_of_them()) == ([{"judger": 6}, {"judger": 24}, {"judger": 204}], {"tokens": {}, "calls": {}})


def test_a_block_ends_where_it_ends(engine):
    with pytest.raises(KeyError), counting() as broken:
        raise KeyError
    with counting() as outer:
        count("follower", 3)
        with counting() as inner:
            count("follower", 10)
        count("follower", 100)
    count("follower", 1000)
    asyncio.run(Metered(engine, "judger").complete(request()))
    assert [meter.spent()["tokens"] for meter in (broken, outer, inner)] == [{}, {"follower": 103}, {"follower": 10}]
    assert [meter.spent()["calls"] for meter in (broken, outer, inner)] == [{}, {"follower": 2}, {"follower": 1}]


def test_a_meter_includes_entries_of_a_journal_also_those_without_calls():
    meter = Meter()
    meter.include({"tokens": {"filter": 5}, "calls": {"filter": 1}, "passed": True})
    meter.include({"tokens": {"filter": 2, "judger": 1}})
    assert meter.spent() == {"tokens": {"filter": 7, "judger": 1}, "calls": {"filter": 1}}


def test_totals_add_up():
    assert list(add_up([{"judger": 2}, {}, {"filter": 1, "judger": 3}]).items()) == [("filter", 1), ("judger", 5)]
    assert add_up([]) == {}


@pytest.mark.parametrize("reply", [Completion("", "error", error="time limit"), Completion("1", "stop", shared=True)])
def test_what_was_not_answered_and_what_another_had_asked_is_no_call(reply):
    with counting() as meter:
        asyncio.run(Metered(ScriptedEngine(lambda _: reply), "judger").complete(request()))
    assert meter.spent() == {"tokens": {}, "calls": {}}
