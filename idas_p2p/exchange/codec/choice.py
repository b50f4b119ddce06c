"""Which coding a chunk gets, so that neither the line nor the cores wait for each other.

    leaves = max(when it is coded, when the line has sent all that comes before) + coded bytes / line
    taken = the one that leaves first, the densest of equals

So a slow line gets the densest, a fast one never waits for a coder, and between them chunks are mixed; coders that are
slow because the cores do other things show in the queue before them, and are passed by.
Belongs here: the rule, what a series has taught, how fast the line is. Pure; time is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from idas_p2p.exchange.codec.pieces import DENSE, LIGHT, Coded, Way

NEAR_ROUND_TRIP: Final = 0.002  # seconds; ours: a LAN or one machine, where bytes travel faster than they are coded
UNKNOWN_LINE: Final = 12.5e6  # bytes/s; ours: a line of 100 Mbit/s, until its own speed shows
RECONSIDER: Final = 32  # pieces of a series after which all ways are tried again; ours
WINDOW: Final = 0.2  # seconds over which the line is measured; ours: some round trips of most lines
RISE: Final = 1.5  # times faster the line is thought to be for each window in which it kept nobody waiting; ours
BLOCKED: Final = 0.5  # share of a window spent waiting for the line from which on that is its speed; ours


def is_near(round_trip: float | None) -> bool:
    """Whether a path of this round trip (seconds) is so fast that coding only slows it; a queue on it shows there."""
    return round_trip is not None and round_trip < NEAR_ROUND_TRIP


class Effort(IntEnum):
    """How hard to try."""

    NONE = 0
    LIGHT = 1
    DENSE = 2


LIKELY: Final = {
    Effort.LIGHT: (Way.ZSTD, Way.BOTH),
    Effort.DENSE: (Way.ZSTD, Way.PLANE, Way.COLOUR_DIFFERENCES),
}  # ours: best for nearly all images; zstd where pixels have no rows


@dataclass(frozen=True, slots=True)
class Lanes:
    """What does the work of one effort."""

    count: int
    speed: float  # bytes of pieces a second, of one lane
    waiting: int = 0  # bytes of pieces before the next
    delay: float = 0.0  # seconds until the first lane works

    def done(self, size: int) -> float:
        """Seconds until a piece of so many bytes is done."""
        if not self.count:
            return float("inf")
        return self.delay + max(size / self.speed, (self.waiting + size) / (self.speed * self.count))


def choose(
    size: int, *, line: float | None, unsent: int, lanes: Mapping[Effort, Lanes], ratios: Mapping[Effort, float]
) -> Effort:
    """The effort for the next piece.

    Args:
        size: bytes of the piece.
        line: bytes a second; None while unknown.
        unsent: bytes that all pieces before it will have once coded.
        lanes: for each effort but NONE.
        ratios: bytes in a coded byte, for each effort but NONE.
    """
    rate = line or UNKNOWN_LINE
    free = unsent / rate  # seconds that the line is busy with what comes before
    efforts = (Effort.DENSE, Effort.LIGHT, Effort.NONE)

    def leaves(effort: Effort) -> float:
        coded = lanes[effort].done(size) if effort in lanes else 0.0
        return max(coded, free) + size / ratios.get(effort, 1.0) / rate

    return min(efforts, key=leaves)


@dataclass(slots=True)
class SeriesWays:
    """What the pieces of one series have taught: the best way for each effort, and how dense it is."""

    ratios: dict[Effort, float] = field(default_factory=lambda: {Effort.LIGHT: 2.5, Effort.DENSE: 3.5})
    _density: dict[Effort, dict[Way, float]] = field(default_factory=dict)  # bytes in a coded byte, of ways that won
    _taken: dict[Effort, int] = field(default_factory=dict)

    def ways(self, effort: Effort) -> tuple[Way, ...]:
        """What to try on the next piece: all ways at first and now and then, likely ones until that taught, the best.

        To try all takes several times as long, and a window of pieces is on its way before the first has taught.
        """
        if effort is Effort.NONE:
            return ()
        taken = self._taken.get(effort, 0)
        self._taken[effort] = taken + 1
        if taken % RECONSIDER:
            best = self._best(effort)
            return LIKELY[effort] if best is None else (best,)
        if effort is Effort.LIGHT:
            return LIGHT
        light = self._best(Effort.LIGHT)
        return (*DENSE, *(LIGHT if light is None else (light,)))

    def learn(self, effort: Effort, size: int, coded: Coded) -> None:
        """Take note of a coded piece."""
        if not size or effort is Effort.NONE:
            return
        ratio = size / max(1, len(coded.data))
        self.ratios[effort] += (ratio - self.ratios[effort]) / 4
        if coded.way is not None:
            density = self._density.setdefault(effort, {})
            density[coded.way] = density.get(coded.way, ratio) + (ratio - density.get(coded.way, ratio)) / 4

    def _best(self, effort: Effort) -> Way | None:
        density = self._density.get(effort)
        return max(density, key=density.__getitem__) if density else None


@dataclass(slots=True)
class Line:
    """How fast the line takes bytes, from how long sending them took.

    While the line keeps the sender waiting, that is its speed. While it does not, though much is sent, it is faster.
    """

    rate: float | None = None  # bytes/s; None while unknown
    _since: float | None = None
    _size: int = 0
    _blocked: float = 0.0

    def sent(self, size: int, *, begun: float, now: float) -> None:
        """A message of `size` bytes was sent; the line was asked to take it at `begun`. Seconds of any steady clock."""
        if self._since is None:
            self._since = begun
        self._size += size
        self._blocked += now - begun
        elapsed = now - self._since
        if elapsed < WINDOW:
            return
        known = self.rate or UNKNOWN_LINE
        if self._blocked >= BLOCKED * elapsed:
            measured = self._size / self._blocked
            self.rate = measured if self.rate is None else known + (measured - known) * 0.75
        elif self._size >= known / 2 * elapsed:
            self.rate = known * RISE
        self._since, self._size, self._blocked = now, 0, 0.0
