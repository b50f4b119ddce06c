"""How long somebody who gave wrong passwords must wait: nothing for the first few, then twice as long each time.

Failures are counted for a name at the address they come from, and for the name alone at a higher allowance: whoever
guesses from one place shuts out itself and not the person it pretends to be. An attempt counts as failed before the
password is looked at, so that many at once gain nothing. Belongs here: the arithmetic. Not here: keeping the counts
(store/sign_ins.py). Source: NIST SP 800-63B section 5.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FREE_AT_ADDRESS: Final = 4  # wrong passwords without a delay, of one name from one address; ours
FREE_OF_NAME: Final = 20  # of one name from anywhere; ours: NIST allows at most 100 in a row
FIRST_DELAY: Final = 2.0  # seconds; ours
MAX_DELAY: Final = 900.0  # seconds; ours: somebody who needs an image must not wait for longer
FORGOTTEN_AFTER: Final = 86_400.0  # seconds without a failure after which earlier ones do not count; ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Wrong passwords in a row."""

    count: int = 0
    last: float = 0.0  # Unix seconds

    def wait(self, *, free: int, now: float) -> float:
        """Seconds until the next attempt is looked at; 0 when it may come now."""
        if self.is_forgotten(now=now) or self.count < free:
            return 0.0
        delay = min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(self.count - free, 30))
        return max(0.0, self.last + delay - now)

    def is_forgotten(self, *, now: float) -> bool:
        """Whether they do not count any more; nor do those of a clock that was set back."""
        return not self.last - MAX_DELAY <= now < self.last + FORGOTTEN_AFTER

    def more(self, *, now: float) -> Failures:
        """One more."""
        return Failures(count=1 if self.is_forgotten(now=now) else self.count + 1, last=now)


def names_of(user: str, address: str) -> dict[str, int]:
    """Under which names failures are counted, and how many are free for each."""
    return {f"{user}\n{address}": FREE_AT_ADDRESS, user: FREE_OF_NAME}
