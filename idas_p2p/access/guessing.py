"""Whoever tries codes that nobody has: shut out for a growing time by its address, and all strangers after too many.

A code has 128 secret bits, so this is no wall but a bell: it bounds the work, and the operator hears of it. Whoever has
fetched from this node before is not a stranger. Belongs here: the arithmetic. Not here: what is refused, and noted
(node/doors.py). Source: docs/spec/federation.md section 6.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from idas_p2p.access.lockout import FREE_AT_ADDRESS, Failures

MAX_ADDRESSES: Final = 4_096  # whose failures, and whose successes, are remembered; ours
WINDOW: Final = 60.0  # seconds; ours
MAX_IN_WINDOW: Final = 120  # failures from anywhere; ours: beyond, nobody but who succeeded before is listened to


class Guesses:
    """Failures by address and in total; times are seconds of one clock."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, Failures] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=MAX_IN_WINDOW)
        self.count = 0  # since the start

    def may_try(self, address: str, *, now: float) -> bool:
        """Whether an attempt from an address is looked at."""
        if address in self._known:
            return True
        if self._failures.get(address, Failures()).wait(free=FREE_AT_ADDRESS, now=now):
            return False
        return len(self._recent) < MAX_IN_WINDOW or now - self._recent[0] >= WINDOW

    def failed(self, address: str, *, now: float) -> None:
        """An attempt was none of a code that anybody has."""
        self.count += 1
        self._recent.append(now)
        self._known.pop(address, None)
        self._failures[address] = self._failures.pop(address, Failures()).more(now=now)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Somebody at an address proved a code."""
        self._failures.pop(address, None)
        self._known[address] = self._known.pop(address, None)
        if len(self._known) > MAX_ADDRESSES:
            self._known.popitem(last=False)
