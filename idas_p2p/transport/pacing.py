"""How fast one connection may put bytes on the line so that they do not queue in front of other links' messages.

    queue = round trip - shortest round trip
    a queue: no faster than 9/10 of what arrives; none: a little faster again

Kernels fill the buffer of the narrowest router, and everything to the same institution waits behind that: bulk, and the
control link too. Pure. Belongs here: the rule. Not here: asking and telling the kernel (sockets.py).
Law: only a queue of our own is avoided. One that stays when we slow down is other people's, and giving way to it would
leave us nothing; we then leave the line to the kernel for a while. Source: as RFC 6817 (LEDBAT) measures delay.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

NEAR: Final = 0.005  # seconds of round trip; ours: on a nearer line no queue is long enough to matter
QUEUE_SHARE: Final = 0.4  # of the shortest round trip that may queue; ours: twice as long an answer needs all of it
SMALLEST_QUEUE: Final = 0.01  # seconds that may queue; ours: less is the jitter of a busy machine
BRAKE: Final = 0.9  # of the most that arrived lately, to let the queue drain; ours
LATELY: Final = 8  # looks
LOOKS_TO_DRAIN: Final = 6  # looks in which nine tenths should have drained a queue; then the brake once more; ours
LOOKS_OF_OURS: Final = 18  # looks with a queue in spite of the brake after which it is other people's; ours
GROWTH: Final = 0.02  # more at each look without a queue; ours, doubled after STEADY looks, again and again
STEADY: Final = 8  # looks
MOST_GROWTH: Final = 0.25  # more at each look; ours
LEFT_ALONE: Final = 10.0  # seconds until we try again; ours
SHORTEST_LOOK: Final = 0.025  # seconds between two looks; ours, a round trip if that is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """What the kernel says about a connection.

    Args:
        round_trip, shortest: seconds; smoothed, and of the last minutes.
        arriving: bytes a second that arrive at the other end.
        is_full: whether there was always something to send, so that `arriving` tells of the line.
        held: seconds, since the connection stands, in which the other end had no room for more.
    """

    round_trip: float
    shortest: float
    arriving: float
    is_full: bool
    held: float = 0.0


class Pacer:
    """The rule for one connection. Reads no clock: `now` is in seconds of any steady one."""

    def __init__(self) -> None:
        self.rate: float | None = None  # bytes a second; None leaves it to the kernel
        self._next_look = 0.0
        self._queued = 0  # looks in a row that saw a queue
        self._free = 0  # looks in a row that saw none
        self._arrived: deque[float] = deque(maxlen=LATELY)  # bytes a second at the last looks

    def is_due(self, *, now: float) -> bool:
        """Whether to look at the line again."""
        return now >= self._next_look

    def look(self, line: LineState, *, now: float) -> float | None:
        """Take what the kernel says; the rate from now on."""
        self._next_look = now + max(SHORTEST_LOOK, line.round_trip)
        if line.shortest < NEAR or not line.arriving:
            self.rate = None
            return None
        self._arrived.append(line.arriving)
        queue, allowed = line.round_trip - line.shortest, max(SMALLEST_QUEUE, QUEUE_SHARE * line.shortest)
        if queue > allowed:
            self._brake(line, now)
        elif queue < allowed / 2:
            self._free_line(line)
        return self.rate

    def _brake(self, line: LineState, now: float) -> None:
        self._queued, self._free = self._queued + 1, 0
        if self._queued > LOOKS_OF_OURS:
            self.rate, self._queued = None, 0
            self._next_look = now + LEFT_ALONE
        elif self._queued % LOOKS_TO_DRAIN == 1 and (line.is_full or self.rate is not None):
            arriving = BRAKE * max(self._arrived)
            self.rate = arriving if self.rate is None else min(BRAKE * self.rate, arriving)

    def _free_line(self, line: LineState) -> None:
        self._queued, self._free = 0, self._free + 1
        if self.rate is not None and line.arriving > self.rate / 2:  # else something else is narrower
            self.rate *= 1 + min(GROWTH * 2.0 ** (self._free // STEADY), MOST_GROWTH)
