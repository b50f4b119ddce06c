"""How much work one address may cause: so that a flood costs whoever sends it, and nobody else.

A leaky bucket for each name, kept as the one moment at which it will be empty again (GCRA, ITU-T I.371).
Belongs here: counting. Not here: what costs how much (limits.py), what is dropped (sealed.py), time (passed in).
Source: docs/spec/directory.md section 7.6.
"""

from __future__ import annotations

from collections import OrderedDict

from idas_p2p.limits import WORK_BURST, WORK_RATE

MAX_NAMES = 4_096  # remembered; ours: caps memory under 1 MB. Only addresses that proved themselves get here
HEADROOM = 0.8  # of a receiver's rate and burst that a writer uses, for its other requests need some


class Budgets:
    """A budget for each name.

    Args:
        rate: units a second.
        burst: units at once.
        limit: names remembered; the least recently used is forgotten first.
    """

    def __init__(self, *, rate: float = WORK_RATE, burst: float = WORK_BURST, limit: int = MAX_NAMES) -> None:
        self._rate = rate
        self._burst = burst / rate  # seconds
        self._limit = limit
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._empty_at)

    def allows(self, name: str, *, now: float) -> bool:
        """Whether this name may cause more work now (monotonic seconds)."""
        return self._empty_at.get(name, now) - now < self._burst

    def spend(self, name: str, cost: float, *, now: float) -> None:
        """Count work of `cost` units."""
        empty_at = max(self._empty_at.pop(name, now), now) + cost / self._rate
        self._empty_at[name] = empty_at
        while len(self._empty_at) > self._limit:
            self._empty_at.popitem(last=False)

    def reserve(self, name: str, cost: float, *, now: float) -> float:
        """Count work of ours that shall be done later; returns the seconds to wait until then."""
        wait = max(0.0, self._empty_at.get(name, now) - now - self._burst)
        self.spend(name, cost, now=now)
        return wait


def writers_budgets() -> Budgets:
    """What a writer allows itself at each receiver."""
    return Budgets(rate=HEADROOM * WORK_RATE, burst=HEADROOM * WORK_BURST)
