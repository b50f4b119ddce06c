"""Noticing that this machine has come into another network, so that what went through the old one is looked at at once.

Belongs here: when. Not here: what is looked at (relays.py, links.py). Connections that began at an address which is
gone get no answer and no error either: without this they would be found dead by their next ping only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from idas_p2p.events import log_event

LOOK_INTERVAL: Final = 0.25  # seconds between looks at the addresses; ours: a look costs a tenth of a millisecond


class Roaming:
    """Compares the addresses of this machine with those it had.

    Args:
        interfaces: IP addresses of this machine now.
    """

    def __init__(self, interfaces: Callable[[], Iterable[str]]) -> None:
        self._interfaces = interfaces
        self._last: frozenset[str] | None = None  # before the first look
        self.on_change: list[Callable[[frozenset[str]], object]] = []  # told the addresses it has now

    async def turn(self) -> float:
        """Look, and tell those who want to know; return seconds until the next turn."""
        now = frozenset(self._interfaces())
        if self._last is not None and now != self._last:
            log_event("network_changed", count=len(now))
            for call in self.on_change:
                call(now)
        self._last = now
        return LOOK_INTERVAL
