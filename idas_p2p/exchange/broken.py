"""How often a holder whose link breaks is tried again, and when it is given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 60.0  # seconds of failures without a message before a holder that answered is given up; ours: one
# that came into another network is found by its relays within half of that
FIRST_DELAY, LONGEST_DELAY = 0.25, 4.0  # seconds between tries at one holder; ours


@dataclass(frozen=True, slots=True)
class Broken:
    """How long a holder that once answered has brought nothing; a fresh one after each message."""

    since: float | None = None  # monotonic seconds of the first failure
    failures: int = 0

    def again(self, *, now: float) -> Broken:
        """One failure more."""
        return Broken(now if self.since is None else self.since, self.failures + 1)

    def is_hopeless(self, *, now: float) -> bool:
        """Whether to give it up."""
        return self.since is not None and now - self.since > PATIENCE

    @property
    def delay(self) -> float:
        """Seconds until the next try."""
        return min(FIRST_DELAY * 2.0 ** min(self.failures - 1, 16), LONGEST_DELAY)
