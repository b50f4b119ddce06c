"""Two ends of a data channel on this machine's loopback, for the tests of the transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.data_channel import DataChannel

HERE = "127.0.0.1"


def end(*, controlling: bool) -> DataChannel:
    """One side, not yet open."""
    return DataChannel(controlling=controlling, hosts=[HERE], told=[HERE], servers=[])


@asynccontextmanager
async def ends() -> AsyncIterator[tuple[DataChannel, DataChannel]]:
    """Both sides, alive. When the block is left they are given up, and leave no task and no socket behind."""
    before = asyncio.all_tasks()
    owner = TaskOwner(limit=2)
    one, other = end(controlling=True), end(controlling=False)
    lives = [owner.start("live", side.live()) for side in (one, other)]
    try:
        yield one, other
    finally:
        one.give_up()
        other.give_up()
        async with asyncio.timeout(10):
            await asyncio.gather(*lives)
    assert asyncio.all_tasks() == before, "a task outlived its data channel"


@asynccontextmanager
async def connections() -> AsyncIterator[tuple[Connection, Connection]]:
    """Both ends of an open data channel."""
    async with ends() as (one, other), asyncio.timeout(60):
        ours, theirs = await one.terms(), await other.terms()
        yield tuple(await asyncio.gather(one.open(theirs), other.open(ours)))  # type: ignore[misc]
