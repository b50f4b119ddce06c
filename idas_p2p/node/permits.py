"""Whether a transfer under way may go on: asked before every message, so that a revocation ends it.

Law: roster and policy are asked anew when the policy changed, and at least every second whatever changed: a group, a
label, an archive, the clock. Belongs here: when to ask again. Not here: the answer (holdings.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idas_p2p.clock import Clock

RECHECK_INTERVAL: Final = 1.0  # seconds an answer may be used for; ours: an answer costs about 0.3 ms


class Permit:
    """One transfer's permission.

    Args:
        ask: whether it may go on, by everything that is known now.
        version: of the policy; another value than before means that it changed.
        clock: the time.
    """

    def __init__(self, ask: Callable[[], bool], *, version: Callable[[], object], clock: Clock) -> None:
        self._ask, self._version, self._clock = ask, version, clock
        self._asked_for: object = object()
        self._asked_at = 0.0  # monotonic seconds
        self._answer = False

    def __call__(self) -> bool:
        """Whether the transfer may go on."""
        version, now = self._version(), self._clock.monotonic()
        if version != self._asked_for or now - self._asked_at >= RECHECK_INTERVAL:
            self._asked_for, self._asked_at = version, now
            self._answer = self._ask()
        return self._answer
