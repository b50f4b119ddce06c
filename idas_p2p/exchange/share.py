"""One holder's part in a retrieval: what it lists now, what it owes, how it has behaved. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from idas_p2p.exchange.pace import Pace


@dataclass(slots=True)
class Share:
    """See shares.py, which alone changes it."""

    expected: int  # instances it said it has
    pace: Pace
    queue: deque[str] = field(default_factory=deque)  # listed on its present link; may hold what is done already
    owes: dict[str, int] = field(default_factory=dict)  # bytes by SOP Instance UID, in the order of wanting
    failed: set[str] = field(default_factory=set)  # what it could not give
    settled: list[str] = field(default_factory=list)  # what it need not keep any more and was not told yet
    is_up: bool = False  # its link
    is_gone: bool = False
    has_lied: bool = False

    @property
    def owed(self) -> int:
        """Bytes that were wanted and are not here yet."""
        return sum(self.owes.values())

    def promised(self) -> Iterator[tuple[str, int, float]]:
        """What it owes, the last first: instance, bytes, seconds until it is here."""
        left = self.owed
        for uid, size in reversed(self.owes.items()):
            yield uid, size, self.pace.seconds(left)
            left -= size

    def is_silent(self, *, is_listing: bool, now: float) -> bool:
        """Whether it owes something, a list included, and says nothing."""
        return self.pace.is_silent(owes=is_listing or bool(self.owes), now=now)
