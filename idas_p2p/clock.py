"""The only door to the machine's time, so that everything else can be tested without waiting."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in two ways, both in seconds."""

    def now(self) -> float:
        """Unix time in seconds; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes backwards."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()  # noqa: TID251

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()
