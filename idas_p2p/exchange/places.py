"""How many finds of ours one node answers at once: the rest wait here, since there they would be refused.

Law: a place is free as soon as the answer has come to its end, whether or not anybody has read it.
Belongs here: counting. Not here: questions (control.py). Source: docs/spec/exchange.md 2.5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

MAX_FINDS: Final = 12  # under way at once on one link; ours: the other side answers 16 questions at once, of any kind


class Places:
    """The finds under way on one link."""

    def __init__(self) -> None:
        self._free, self._numbers = asyncio.Semaphore(MAX_FINDS), set[int]()

    async def enter(self, begin: Callable[[], int]) -> int:
        """Wait for a place and take it with the number that `begin` gives; what it raises leaves the place free."""
        await self._free.acquire()
        try:
            number = begin()
        except BaseException:
            self._free.release()
            raise
        self._numbers.add(number)
        return number

    def leave(self, number: int) -> bool:
        """Give back the place of a find that has ended; False when it was given back before, or never taken."""
        if number not in self._numbers:
            return False
        self._numbers.remove(number)
        self._free.release()
        return True
