from __future__ import annotations

import asyncio
import logging

import pytest

from idas_p2p.errors import DatabaseBusy
from idas_p2p.node.repeating import repeat


class Turns:
    """Fails as told, then goes on for ever."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.taken, self.enough = list(failures), 0, asyncio.Event()

    async def turn(self) -> float:
        self.taken += 1
        if self.failures:
            raise self.failures.pop(0)
        self.enough.set()
        return 3_600.0


@pytest.mark.parametrize("failure", [DatabaseBusy(), RuntimeError("a bug")])
async def test_a_turn_that_fails_costs_only_itself(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns(failure, failure)
    with caplog.at_level(logging.INFO, "idas_p2p"):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(repeat("work", turns.turn, after_failure=0.0))
            await asyncio.wait_for(turns.enough.wait(), 5)
            task.cancel()
    assert turns.taken == 3
    assert [record.message for record in caplog.records] == ["turn_failed", "turn_failed"]


async def test_work_ends_when_it_is_cancelled() -> None:
    turns = Turns()
    task = asyncio.get_running_loop().create_task(repeat("work", turns.turn, after_failure=0.0))
    await asyncio.wait_for(turns.enough.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
