import asyncio

import pytest

from seif.engines.together import Together, as_answered, in_order


def asked_by(batches, *askers, one_at_a_time=False, work=None):
    """What several tasks get, each asking after so many ticks; `batches` collects what was answered at once."""

    async def answer(questions):
        batches.append(list(questions))
        if work is not None:
            await work(questions)
        return [10 * q for q in questions]

    async def ask(together, ticks, questions):
        for _ in range(ticks):
            await asyncio.sleep(0)
        return await together.ask(*questions)

    async def all_of_them():
        together = Together(answer, one_at_a_time)
        return await asyncio.gather(*(ask(together, *asker) for asker in askers), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_one_tick_is_one_batch_and_everybody_gets_their_own_answers():
    batches = []
    assert asked_by(batches, (0, [1, 2]), (0, []), (0, [3])) == [[10, 20], [], [30]]
    assert batches == [[1, 2, 3]]


async def slow(questions):
    await asyncio.sleep(0.05)


@pytest.mark.parametrize(("one_at_a_time", "expected"), [(True, [[1], [2, 3]]), (False, [[1], [2], [3]])])
def test_what_waits_for_the_batch_before_is_joined_only_one_at_a_time(one_at_a_time, expected):
    batches = []
    assert asked_by(batches, (0, [1]), (4, [2]), (8, [3]), one_at_a_time=one_at_a_time, work=slow) == [[10], [20], [30]]
    assert batches == expected


def test_a_failure_reaches_all_who_asked_and_no_later_one():
    async def fails(questions):
        if 1 in questions:
            raise ValueError("broken")

    batches = []
    first, second, third = asked_by(batches, (0, [1]), (0, [2]), (5, [3]), one_at_a_time=True, work=fails)
    assert isinstance(first, ValueError)
    assert isinstance(second, ValueError)
    assert third == [30]


def test_who_gives_up_does_not_take_the_others_along():
    async def answer(questions):
        await asyncio.sleep(0.02)
        return questions

    async def main():
        together = Together(answer)
        impatient, patient = (asyncio.create_task(together.ask(n)) for n in (1, 2))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    assert asyncio.run(main()) == [2]


def test_only_so_many_are_under_way_and_no_more_are_drawn():
    under_way, most, drawn = 0, 0, 0

    def questions():
        nonlocal drawn
        while drawn < 100:
            drawn += 1
            yield drawn

    async def ask(question):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        assert drawn <= question + 8
        await asyncio.sleep(0.0001 * (question % 5))
        under_way -= 1
        return -question

    async def main():
        return [pair async for group in as_answered(ask, questions(), pending=8) for pair in group]

    found = asyncio.run(main())
    assert most == 8
    assert dict(found) == {question: -question for question in range(1, 101)}


def test_an_engine_in_process_gets_whole_batches():
    batches = []

    async def answer(questions):
        batches.append(list(questions))
        return questions

    async def main():
        together = Together(answer)

        async def ask(question):
            return (await together.ask(question))[0]

        groups = [group async for group in as_answered(ask, range(10), pending=4)]
        return groups, await in_order(ask, "abc", pending=2)

    groups, letters = asyncio.run(main())
    assert batches[:3] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [[question for question, _ in group] for group in groups] == batches[:3]
    assert letters == ["a", "b", "c"]


def test_a_failure_comes_after_what_was_answered_with_it_and_stops_the_others():
    cancelled, found = [], []

    async def ask(question):
        if question == "broken":
            raise ValueError(question)
        try:
            await asyncio.sleep(0 if question == "quick" else 10)
        except asyncio.CancelledError:
            cancelled.append(question)
            raise
        return question

    async def main():
        async for group in as_answered(ask, ["slow", "quick", "quick", "broken"]):
            found.extend(group)

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(main())
    assert cancelled == ["slow"]
