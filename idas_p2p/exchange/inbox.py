"""Answers that arrived on a control link and were not taken yet: each request has its own, all share one bound.

Law: reading the link never waits for a reader of answers. When more waits than may, the request that has most of it
loses its answer, and no other. Belongs here: keeping and handing over. Not here: what the messages mean (control.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from idas_p2p.errors import Busy, IdasError

MAX_WAITING: Final = 16_777_216  # bytes on the wire of one link's answers not yet taken; ours


class _Waiting:
    """What waits for one request."""

    def __init__(self) -> None:
        self.messages: deque[tuple[Any, int]] = deque()
        self.size = 0  # bytes
        self.error: IdasError | None = None  # raised once the messages are taken
        self.changed = asyncio.Event()

    def end(self, error: IdasError) -> None:
        if self.error is None:
            self.error = error
        self.changed.set()


class Inbox:
    """The answers of one link.

    Args:
        most: bytes that may wait for all requests together.
    """

    def __init__(self, *, most: int = MAX_WAITING) -> None:
        self._most = most
        self._size = 0
        self._waiting: dict[int, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, number: int) -> bool:
        return number in self._waiting

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    def open(self, number: int) -> None:
        """Expect answers to this request."""
        self._waiting[number] = _Waiting()

    def close(self, number: int) -> None:
        """Expect no more, and forget what was not taken."""
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            self._size -= waiting.size

    def put(self, number: int, message: Any, size: int) -> None:
        """Keep a message of `size` bytes for its request; one that nobody expects is thrown away."""
        waiting = self._waiting.get(number)
        if waiting is None or waiting.error is not None:
            return
        waiting.messages.append((message, size))
        waiting.size += size
        self._size += size
        waiting.changed.set()
        if self._size > self._most:
            self._give_up(max(self._waiting.values(), key=lambda one: one.size))

    async def take(self, number: int) -> Any:
        """The next message for a request.

        Raises:
            Busy: its answer came faster than it was taken, and is lost.
            IdasError: given to `end`.
        """
        waiting = self._waiting[number]
        while not waiting.messages:
            if waiting.error is not None:
                raise waiting.error
            waiting.changed.clear()
            await waiting.changed.wait()
        message, size = waiting.messages.popleft()
        waiting.size -= size
        self._size -= size
        return message

    def end(self, make: Callable[[], IdasError]) -> None:
        """No more will come: every request gets an error after what waits for it."""
        for waiting in self._waiting.values():
            waiting.end(make())

    def _give_up(self, waiting: _Waiting) -> None:
        self._size -= waiting.size
        waiting.size = 0
        waiting.messages.clear()
        waiting.end(Busy("the answer came faster than it was read"))
