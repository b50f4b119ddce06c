"""By which study dates an archive is asked, so that one answer stays bounded and new studies come first.

Pure. Belongs here: windows, their order, what to go on with. Not here: asking (harvest.py).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from idas_p2p.wire.query import StudyQuery

OLDEST: Final = datetime.date(1900, 1, 1)
NEWEST: Final = datetime.date(9999, 12, 31)
_WINDOW_DAYS: Final = (7, 30, 90, 180, 365, 365, 730, 1_460, 3_650)  # from today backwards; then to OLDEST in one


@dataclass(frozen=True, slots=True)
class Window:
    """Study dates from first to last, `YYYYMMDD`, both included; both empty: every study, also those without a date."""

    first: str
    last: str

    @property
    def query(self) -> StudyQuery:
        """What to ask for."""
        return StudyQuery.of({"StudyDate": f"{self.first}-{self.last}"} if self.first else {})

    @property
    def is_newest(self) -> bool:
        """Whether studies made today are in it."""
        return self.last == f"{NEWEST:%Y%m%d}"

    def halves(self, dates: Iterable[str] = ()) -> tuple[Window, Window] | None:
        """The same days in two windows, the newer first; None when there is nothing to divide.

        Args:
            dates: of some of its studies, so that each half holds as many of them where that can be.
        """
        if not self.first or self.first == self.last:
            return None
        first, last = _day(self.first), _day(self.last)
        middle = first + (last - first) // 2
        inside = sorted(date for date in dates if self.first <= date < self.last)
        if inside:
            with suppress(ValueError):  # an archive may answer with anything
                middle = _day(inside[len(inside) // 2])
        return _window(middle + datetime.timedelta(days=1), last), _window(first, middle)


EVERYTHING: Final = Window("", "")


def windows(today: datetime.date) -> Iterator[Window]:
    """Windows that together hold every study, newest first; the last one is for studies without a readable date."""
    last = NEWEST
    for days in _WINDOW_DAYS:
        first = min(today, last) - datetime.timedelta(days=days)
        if first <= OLDEST:
            break
        yield _window(first, last)
        last = first - datetime.timedelta(days=1)
    yield _window(OLDEST, last)
    yield EVERYTHING


def left_to_read(today: datetime.date, cursor: str) -> list[Window]:
    """The newest window, and those after the cursor.

    Args:
        today: moves the windows.
        cursor: `first` of the last window read in an unfinished round, on this or an earlier day; empty to begin.
    """
    return [w for w in windows(today) if w.is_newest or not cursor or w.first < cursor]


def window_before(before: str, first: str) -> Window:
    """The days before `before`, from `first` on, or from OLDEST where that is none of them."""
    oldest, last = f"{OLDEST:%Y%m%d}", _day(before) - datetime.timedelta(days=1)
    return Window(first if oldest <= first < before else oldest, f"{last:%Y%m%d}")


def _window(first: datetime.date, last: datetime.date) -> Window:
    return Window(f"{first:%Y%m%d}", f"{last:%Y%m%d}")


def _day(text: str) -> datetime.date:
    return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
