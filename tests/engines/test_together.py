import asyncio

import pytest

from seif.engines.together import Together


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
