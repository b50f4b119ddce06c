"""A deadline for each of many waits, one after another, with one timer: a timer each costs more than a small message.

Belongs here: ending a wait that takes too long. Not here: what that means (outgoing.py, link.py).
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadline:
    """`async with deadline:` raises TimeoutError when its block takes longer; not for blocks that run at once.

    Args:
        seconds: for each block. The timer may live as long after the last one.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0  # seconds of the loop's clock
        self._task: asyncio.Task[object] | None = None  # in the block
        self._cancelling = 0  # requests to cancel it that were there before
        self._is_over = False  # the block took too long
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task else 0
        self._is_over = False
        loop = asyncio.get_running_loop()
        self._until = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(self._until, self._look)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._is_over and task is not None:
            is_ours = task.uncancel() <= self._cancelling
            if is_ours and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def _look(self) -> None:
        """The block that runs now has taken too long, or the timer was set for one before."""
        self._timer = None
        if self._task is None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._until:
            self._is_over = True
            self._task.cancel()
        else:
            self._timer = loop.call_at(self._until, self._look)
