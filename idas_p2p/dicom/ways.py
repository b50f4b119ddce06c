"""By which of an archive's ways to retrieve next: what is fastest here is measured, what fails is left alone a while.

Pure. Belongs here: the choice. Not here: retrieving (web.py, client.py), going on with the next way (fastest.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOOK_AGAIN: Final = 16  # retrievals after which the way not used for longest goes first once; ours
MIN_SIZE: Final = 4_000_000  # bytes; ours: what is smaller tells the latency, not the rate
MIN_SECONDS: Final = 0.02  # waited for it; ours: less means that the reader was slower than the archive
NEWEST_SHARE: Final = 0.5  # of the last retrieval in the remembered rate; ours
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 960.0  # seconds a way that brought nothing is left alone; ours, doubled each time


class Way(StrEnum):
    """How instances are asked for."""

    WEB = "dicomweb"
    MOVE = "move"
    GET = "get"


@dataclass(slots=True)
class _Record:
    rate: float | None = None  # bytes a second
    last_used: int = 0  # number of the retrieval
    failures: int = 0  # in a row
    until: float = 0.0  # left alone till then


class Ways:
    """Remembers how the ways of one archive did.

    Args:
        offered: the ways there are, those that promise most first.
        preferred: the operator's choice, taken first whenever it works; None leaves it to measurement.
    """

    def __init__(self, offered: Sequence[Way], *, preferred: Way | None = None) -> None:
        self._records = {way: _Record() for way in offered}
        self._preferred = preferred
        self._turn = 0

    def order(self, *, now: float, is_part: bool = False) -> list[Way]:
        """Every way, in the order to try them for the next retrieval.

        Args:
            now: seconds of any steady clock.
            is_part: single instances are asked for, perhaps again: by the way that promises most, since another may
                give other bytes for the same values (docs/decisions/archive-ways.md).
        """
        self._turn += not is_part
        ways = sorted(self._records, key=self._promise)
        if self._preferred is None and self._turn % LOOK_AGAIN == 0 and not is_part:
            again = min((way for way in ways if way is not Way.WEB), key=self._last_used, default=None)
            if ways[0] is not Way.WEB and again is not None:
                ways.sort(key=lambda way: way is not again)
        ways.sort(key=lambda way: self._records[way].until > now)
        self._records[ways[0]].last_used = self._turn
        return ways

    def worked(self, way: Way, *, size: int, seconds: float) -> None:
        """A way brought `size` bytes, for which the reader waited `seconds`."""
        record = self._records[way]
        record.failures, record.until = 0, 0.0
        if size >= MIN_SIZE and seconds >= MIN_SECONDS:
            rate = size / seconds
            record.rate = rate if record.rate is None else record.rate + NEWEST_SHARE * (rate - record.rate)

    def failed(self, way: Way, *, now: float) -> None:
        """A way brought nothing."""
        record = self._records[way]
        record.until = now + min(FIRST_PAUSE * 2.0 ** min(record.failures, 8), LONGEST_PAUSE)
        record.failures += 1

    def _promise(self, way: Way) -> tuple[bool, bool, float]:
        """Sorts first what the operator prefers, then DICOMweb, then what was faster; what was never measured stays."""
        measured = [record.rate for name, record in self._records.items() if name is not Way.WEB]
        rate = self._records[way].rate or 0.0
        return way is not self._preferred, way is not Way.WEB, -rate if None not in measured else 0.0

    def _last_used(self, way: Way) -> int:
        return self._records[way].last_used
