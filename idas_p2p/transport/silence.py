"""When the other end of a channel is taken for gone although nobody said so.

    silent = now - the later of (last byte that came, beginning of the wait for one)

Each end of an image channel says now and then that it is there, so that silence is told from having nothing to say,
whoever lies between. Pure. Belongs here: the rule. Not here: asking it (moving.py). Source: docs/spec/transport.md
section 11.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

BEAT: Final = 0.5  # seconds: an end that has sent nothing for so long says that it is there; protocol
RELAYED: Final = 2.0  # seconds of silence at which the dialer gives up a path through a relay; ours: with dialling
# anew, which takes two at most, a relay that vanishes is replaced within five
DIRECT: Final = 4.0  # seconds, on other paths; ours
DEAF: Final = 2.0  # seconds, on them, in which the other end's kernel has taken nothing of ours either: there is no way
# to it any more, for a beat would have been acknowledged; ours
ANSWERING: Final = 12.0  # seconds at the end that was dialled: it can only end what it sends, not dial anew; ours
ROUND_TRIPS: Final = 4.0  # more of them: a lost packet is sent again after one or two, and again; ours
LATE: Final = 2 * BEAT  # seconds after the last look at which it is we who were busy; ours


class Verdict(Enum):
    """What a look comes to."""

    THERE = "there"
    IN_DOUBT = "in doubt"  # no way leads there any more, it seems; one that was dialled cannot but see to its own ways
    GONE = "gone"  # give the path up


class Silence:
    """The rule for one end. Reads no clock: `now` is in seconds of any steady one.

    Args:
        is_ours: whether this end dialled.
        now: the beginning.
    """

    def __init__(self, *, is_ours: bool, now: float) -> None:
        self._is_ours = is_ours
        self._heard = self._acknowledged = 0  # at the last look
        self._heard_at = self._answered_at = self._looked_at = now

    def look(
        self,
        heard: int,
        acknowledged: int = 0,
        *,
        is_relayed: bool = False,
        waiting_since: float | None,
        round_trip: float | None,
        now: float,
    ) -> Verdict:
        """Look at the channel.

        Args:
            heard: grows with every byte that comes, of frames that are not yet whole too.
            acknowledged: bytes that the kernel at the other end of the connection has taken; 0 where that is not known.
            is_relayed: whether that is a relay's.
            waiting_since: since when somebody waits for a message; None while nobody does, and nothing may be read.
            round_trip: in seconds, as far as the kernel knows it.
            now: the time.
        """
        was_late, self._looked_at = now - self._looked_at > LATE, now
        if heard != self._heard or was_late:
            self._heard, self._heard_at = heard, now
        if acknowledged != self._acknowledged:
            self._acknowledged, self._answered_at = acknowledged, now
        more = ROUND_TRIPS * (round_trip or 0.0)
        is_deaf = acknowledged > 0 and now - max(self._heard_at, self._answered_at) > DEAF + more
        limit = (RELAYED if is_relayed else DEAF if is_deaf else DIRECT) if self._is_ours else ANSWERING
        if waiting_since is not None and now - max(self._heard_at, waiting_since) > limit + more:
            return Verdict.GONE
        return Verdict.IN_DOUBT if is_deaf else Verdict.THERE
