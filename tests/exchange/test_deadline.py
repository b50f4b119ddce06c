from __future__ import annotations

import asyncio

import pytest

from idas_p2p.exchange.deadline import Deadline
from idas_p2p.tasks import TaskOwner

SOON = 0.02  # seconds


async def test_a_wait_that_takes_too_long_ends_in_a_timeout() -> None:
    deadline = Deadline(SOON)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with deadline:
                await asyncio.Event().wait()


async def test_a_wait_after_others_is_ended_too() -> None:
    deadline, loop = Deadline(SOON), asyncio.get_running_loop()
    async with deadline:
        await asyncio.sleep(0)
    later = loop.create_future()
    loop.call_later(SOON / 2, later.set_result, None)
    await later
    with pytest.raises(TimeoutError):
        async with deadline:
            await asyncio.Event().wait()


async def test_nothing_happens_to_a_task_that_is_out_of_its_block() -> None:
    deadline, loop = Deadline(SOON), asyncio.get_running_loop()
    async with deadline:
        pass
    past = loop.create_future()
    loop.call_later(2 * SOON, past.set_result, True)
    assert await past


async def test_an_error_of_the_block_and_a_cancellation_from_outside_stay_what_they_are() -> None:
    deadline = Deadline(60.0)
    with pytest.raises(ValueError, match="its own"):
        async with deadline:
            raise ValueError("its own")

    ended = asyncio.Event()

    async def wait() -> None:
        try:
            async with deadline:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise

    tasks = TaskOwner(limit=1)
    tasks.start("waits", wait())
    await asyncio.sleep(0)
    await tasks.stop()
    assert ended.is_set()
