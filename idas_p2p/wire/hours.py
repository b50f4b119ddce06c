"""Hours of the day in which something may be done, as operators write them: `22:00-06:00`. Pure.

Belongs here: the value. Not here: whose hours they are, what time it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import BadConfiguration

DAY: Final = 86_400  # seconds
_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time of the day to another, over midnight where the second is not later.

    Args:
        first, last: seconds since midnight; `last` is the first moment outside.
    """

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read `HH:MM-HH:MM`.

        Raises:
            BadConfiguration: it is written otherwise.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise BadConfiguration("hours are written HH:MM-HH:MM, such as 22:00-06:00")
        begin_hour, begin_minute, end_hour, end_minute = map(int, found.groups())
        return cls(begin_hour * 3_600 + begin_minute * 60, end_hour * 3_600 + end_minute * 60)

    def wait(self, second: float) -> float:
        """Seconds from a time of the day until these hours; 0 within them. The same time twice means always."""
        length = (self.last - self.first) % DAY or DAY
        inside = (second - self.first) % DAY
        return 0.0 if inside < length else DAY - inside
