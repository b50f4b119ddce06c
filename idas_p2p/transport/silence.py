"""When the other end of a channel is taken for gone although nobody said so.

    silent = now - the later of (last byte that came, beginning of the wait for one)

Each end of an image channel says now and then that it is there, so that silence is told from having nothing to say,
whoever lies between. Pure. Belongs here: the rule. Not here: asking it (moving.py). Source: docs/spec/transport.md
section 11.
"""

from __future__ import annotations

from typing import Final

BEAT: Final = 0.5  # seconds: an end that has sent nothing for so long says that it is there; protocol
RELAYED: Final = 2.0  # seconds of silence at which the dialer gives up a path through a relay; ours: with dialling
# anew, which takes two at most, a relay that vanishes is replaced within five
DIRECT: Final = 4.0  # seconds, on other paths: of these the kernel itself notices most; ours
ANSWERING: Final = 12.0  # seconds at the end that was dialled: it can only end what it sends, not dial anew; ours
ROUND_TRIPS: Final = 4.0  # more of them: a lost packet is sent again after one or two, and again; ours
LATE: Final = 2 * BEAT  # seconds after the last look at which it is we who were busy; ours


class Silence:
    """The rule for one end. Reads no clock: `now` is in seconds of any steady one.

    Args:
        now: the beginning.
    """

    def __init__(self, *, now: float) -> None:
        self._received = 0  # bytes, at the last look
        self._heard_at = self._looked_at = now

    def look(
        self, received: int, *, waiting_since: float | None, limit: float, round_trip: float | None, now: float
    ) -> bool:
        """Look at the channel; whether to give the path up.

        Args:
            received: bytes that came so far, frames that are not yet whole included.
            waiting_since: since when somebody waits for a message; None while nobody does, and nothing may be read.
            limit: seconds of silence, and ROUND_TRIPS beside them.
            round_trip: in seconds, as far as the kernel knows it.
            now: the time.
        """
        was_late, self._looked_at = now - self._looked_at > LATE, now
        if received != self._received or was_late:
            self._received, self._heard_at = received, now
        if waiting_since is None:
            return False
        return now - max(self._heard_at, waiting_since) > limit + ROUND_TRIPS * (round_trip or 0.0)
