"""Virtual time jumps, keeps its order, and ends."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tools.simulate_directory.loop import START, NothingLeft, OutOfTime, VirtualLoop, at_times, run


def test_a_day_passes_in_no_time_and_exactly() -> None:
    async def sleep() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert run(sleep) == START + 86_400


def test_acts_happen_at_their_times_whatever_others_do() -> None:
    async def acts() -> list[float]:
        async def act(number: int) -> float:
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(50)
            return began

        return await at_times([3.0, 1.0, 1.0], act)

    assert run(acts) == [START + 3, START + 1, START + 1]


def test_events_of_one_time_keep_their_order() -> None:
    seen: list[int] = []

    async def act() -> None:
        loop = asyncio.get_running_loop()
        for number in range(5):
            loop.call_later(1, seen.append, number)
        await asyncio.sleep(1)

    run(act)
    assert seen == [0, 1, 2, 3, 4]


def test_a_cancelled_timer_does_nothing() -> None:
    async def act() -> bool:
        loop = asyncio.get_running_loop()
        called = asyncio.Event()
        loop.call_later(1, called.set).cancel()
        await asyncio.sleep(2)
        return called.is_set()

    assert not run(act)


def test_waiting_for_what_can_never_come_is_an_error_and_no_hang() -> None:
    loop = VirtualLoop()
    try:
        with pytest.raises(NothingLeft):
            loop.run_until_complete(asyncio.Event().wait())
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                loop.run_until_complete(task)
    finally:
        loop.close()


def test_a_run_without_end_is_cut_short() -> None:
    async def forever() -> None:
        for _ in itertools.count():
            await asyncio.sleep(1)

    with pytest.raises(OutOfTime):
        run(forever, limit=0.0)
