"""Which coding a chunk gets, so that neither the line nor the cores wait for each other.

    leaves = max(when it is coded, when the line has sent all that comes before) + coded bytes / line
    taken = the one that leaves first, the densest of equals

So a slow line gets the densest, a fast one never waits for a coder, and between them chunks are mixed; coders that are
slow because the cores do other things show in the queue before them, and are passed by. A line that is not known to be
slow is not coded for densely, and one that the light coders outrun is not filled with bytes as they are.
Belongs here: the rule, what a series has taught, how fast the line is. Pure; time is passed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from idas_p2p.exchange.codec.pieces import DENSE, LIGHT, Coded, Way

NEAR_ROUND_TRIP: Final = 0.002  # seconds; ours: a LAN or one machine, where bytes travel faster than they are coded
UNKNOWN_LINE: Final = 125e6  # bytes/s; ours: a line of 1 Gbit/s, until its own speed shows: it is lightly coded for
SLOW_LINE: Final = 12.5e6  # bytes/s; ours: 100 Mbit/s, below which also what was near is worth coding for
RECONSIDER: Final = 32  # pieces of a series after which all ways are tried again; ours
WINDOW: Final = 0.2  # seconds over which the line is measured; ours: some round trips of most lines
RISE: Final = 1.5  # times faster the line is thought to be for each window in which it kept nobody waiting; ours
BLOCKED: Final = 0.5  # share of a window spent waiting for the line from which on that is its speed; ours
SHORTEST_LOOK: Final = 0.025  # seconds between two looks at the line; ours, a round trip if that is longer
LATELY: Final = 10  # looks of which the fastest counts, as BBR's round trips do
GROWN: Final = 1.25  # times faster than before: a connection that still grows has not shown its line yet; as BBR
STEADY: Final = 3  # looks without such growth after which it has; as BBR
DENSER: Final = 1.2  # times denser dense coding is thought to be than light, until it was tried; docs/performance.md
WORTH: Final = 0.6  # share of the line that dense coders must be able to fill: they take cores and a start; ours
HELD: Final = 0.1  # share of the time between two looks in which the other end had no room: it was the narrow place


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

    @property
    def together(self) -> float:
        """Bytes of pieces a second, of all lanes."""
        return self.count * self.speed

    def done(self, size: int) -> float:
        """Seconds until a piece of so many bytes is done."""
        if not self.count:
            return float("inf")
        return self.delay + max(size / self.speed, (self.waiting + size) / self.together)


def choose(
    size: int, *, line: float | None, unsent: int, lanes: Mapping[Effort, Lanes], ratios: Mapping[Effort, float]
) -> Effort:
    """The effort for the next piece.

    Args:
        size: bytes of the piece.
        line: bytes a second; None while unknown.
        unsent: coded bytes that leave before it.
        lanes: for each effort but NONE.
        ratios: bytes in a coded byte, for each effort but NONE.
    """
    rate = line or UNKNOWN_LINE
    free = unsent / rate  # seconds that the line is busy with what comes before
    efforts = [Effort.LIGHT]
    dense = lanes[Effort.DENSE].together / ratios.get(Effort.DENSE, 1.0)  # bytes/s, coded
    if line is not None and dense >= WORTH * line:
        efforts.insert(0, Effort.DENSE)  # of equals the densest
    light = lanes[Effort.LIGHT]
    if not light.count or (line is not None and line >= light.together):
        efforts.append(Effort.NONE)

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
        if Effort.DENSE not in self._density:
            self.ratios[Effort.DENSE] = DENSER * self.ratios[Effort.LIGHT]
        if coded.way is not None:
            density = self._density.setdefault(effort, {})
            density[coded.way] = density.get(coded.way, ratio) + (ratio - density.get(coded.way, ratio)) / 4

    def _best(self, effort: Effort) -> Way | None:
        density = self._density.get(effort)
        return max(density, key=density.__getitem__) if density else None


class LineLook(Protocol):
    """What the kernel says about a connection."""

    @property
    def round_trip(self) -> float:
        """Seconds there and back now."""
        ...

    @property
    def arriving(self) -> float:
        """Bytes a second that arrive at the other end."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether there was always something to send, so that `arriving` tells of what is narrow further on."""
        ...

    @property
    def held(self) -> float:
        """Seconds so far in which the other end had no room for more."""
        ...


@dataclass(slots=True)
class Line:
    """How fast the line takes bytes. Reads no clock: `now` is in seconds of any steady one.

    Law: a line is slow only when it was kept full; what waits for a sender or for the other end tells nothing of it.
    Where the kernel says nothing, how long sending took must do: while the line keeps the sender waiting, that is its
    speed; while it does not, though much is sent, it is faster.
    """

    rate: float | None = None  # bytes/s; None while unknown
    _since: float | None = None
    _size: int = 0
    _blocked: float = 0.0
    _looked: float = float("-inf")  # at the line
    _next_look: float = float("-inf")
    _held: float = 0.0  # at the last look
    _arrived: deque[float] = field(default_factory=lambda: deque(maxlen=LATELY))  # bytes/s
    _before: float = 0.0  # bytes/s, before it last grew
    _steady: int = 0  # looks since

    @property
    def pace(self) -> float | None:
        """Bytes/s that it is known to take at least; None where nobody tells."""
        return self.rate or max(self._arrived, default=None)

    def is_due(self, *, now: float) -> bool:
        """Whether to look at the line again."""
        return now >= self._next_look

    def look(self, line: LineLook, *, now: float) -> None:
        """Take what the kernel says."""
        is_full = line.is_full and line.held - self._held <= HELD * (now - self._looked)
        self._looked, self._held = now, line.held
        self._next_look = now + max(SHORTEST_LOOK, line.round_trip)
        self._arrived.append(line.arriving)
        best = max(self._arrived)
        if not GROWN * best > self._before > best / GROWN:
            self._before, self._steady = best, 0
        elif is_full:
            self._steady += 1
        if is_full and self._steady >= STEADY:
            self.rate = best
        elif self.rate is not None:
            self.rate = max(self.rate, line.arriving)

    def sent(self, size: int, *, begun: float, now: float) -> None:
        """A message of `size` bytes was sent, of which the kernel tells nothing; it was asked to take it at `begun`."""
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
