"""How fast one holder gives, how much to have under way with it, and whether it has fallen silent. Pure."""

from __future__ import annotations

from typing import Final

MIN_SILENCE: Final = 2.0  # seconds without a message before a holder that owes one counts as silent; ours
SILENCE_FACTOR: Final = 4.0  # or so many times its usual longest pause; ours
MEASURE_INTERVAL: Final = 0.25  # seconds over which a rate is measured; ours
FIRST_WINDOW: Final = 4_194_304  # bytes wanted before the rate is known; ours
MIN_WINDOW, MAX_WINDOW = 1_048_576, 33_554_432  # bytes wanted and not here yet; ours
SPARE: Final = 0.05  # seconds added to the round trip: the holder reads and codes; ours


class Pace:
    """One holder's pace.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._heard_at = self._measured_at = now
        self._bytes = 0  # since then
        self._pause = 0.0  # seconds; the usual pause between messages while it owes something
        self.rate = 0.0  # bytes a second while it owes something; 0: unknown

    def heard(self, size: int, *, busy: bool, now: float) -> None:
        """A message came.

        Args:
            size: bytes of data sets in it.
            busy: whether the holder owed something.
            now: monotonic seconds.
        """
        if busy:
            pause = now - self._heard_at
            self._pause = pause if pause > self._pause else 0.9 * self._pause + 0.1 * pause
        else:
            self._measured_at, self._bytes = now, 0
        self._heard_at = now
        self._bytes += size
        elapsed = now - self._measured_at
        if busy and elapsed >= MEASURE_INTERVAL:
            measured = self._bytes / elapsed
            self.rate = measured if not self.rate else 0.5 * self.rate + 0.5 * measured
            self._measured_at, self._bytes = now, 0

    def is_silent(self, *, owes: bool, now: float) -> bool:
        """Whether it owes something and has said nothing for longer than it usually does."""
        return owes and now - self._heard_at > max(MIN_SILENCE, SILENCE_FACTOR * min(self._pause, MIN_SILENCE))

    def window(self, round_trip: float) -> float:
        """Bytes to have wanted of it: two round trips' worth."""
        if not self.rate:
            return FIRST_WINDOW
        return min(max(2.0 * self.rate * (round_trip + SPARE), MIN_WINDOW), MAX_WINDOW)

    def seconds(self, size: float) -> float:
        """How long it takes for so many bytes, as far as is known."""
        return size / self.rate if self.rate else size / MIN_WINDOW
