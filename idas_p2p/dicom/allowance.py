"""How hard an archive may be retrieved from: so many retrievals at once, so many bytes a second.

Law: a limit slows down and loses nothing. Belongs here: waiting for one's turn and for the line. Not here: retrieving
(fastest.py), what an operator allows (store/configured.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from idas_p2p.clock import Clock

BURST: Final = 1.0  # seconds of the allowed rate that may come at once; ours: an instance is not cut for it


class Allowance:
    """What one archive's operator allows.

    Args:
        retrievals: at once; 0: any number.
        bandwidth: bytes a second; 0: as fast as it can.
        clock: the time.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        *,
        retrievals: int = 0,
        bandwidth: float = 0.0,
        clock: Clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._turns = asyncio.Semaphore(retrievals) if retrievals else None
        self._bandwidth, self._clock, self._sleep = bandwidth, clock, sleep
        self._paid_until = 0.0  # monotonic seconds for which what came so far fills the line

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One retrieval, when there is room for it."""
        if self._turns is None:
            yield
            return
        async with self._turns:
            yield

    async def spend(self, size: int) -> None:
        """Account for bytes that came; returns when the next may come."""
        if not self._bandwidth:
            return
        now = self._clock.monotonic()
        self._paid_until = max(self._paid_until, now) + size / self._bandwidth
        if (ahead := self._paid_until - now - BURST) > 0:
            await self._sleep(ahead)
