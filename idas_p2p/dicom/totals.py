"""How many instances a retrieval in several requests will bring, said before the first and whenever it grows.

Pure. Belongs here: the law of Total. Not here: who counts (requests.py, web.py).
"""

from __future__ import annotations

from idas_p2p.errors import InstanceChanged
from idas_p2p.wire.instance import InstanceFailed, RetrieveEvent, Total


class Totals:
    """Keeps the total ahead of what was yielded, and says it only when it grows."""

    def __init__(self) -> None:
        self._earlier_parts = 0
        self._this_part = 0
        self._said = -1
        self._yielded = 0

    def shown(self, event: RetrieveEvent) -> list[RetrieveEvent]:
        """What to yield for an event."""
        if isinstance(event, Total):
            self._this_part = max(self._this_part, event.count)
            return self._grown(self._earlier_parts + self._this_part)
        if isinstance(event, InstanceFailed) and isinstance(event.reason, InstanceChanged):
            return [event]  # about one that was counted when it came
        self._yielded += 1
        return [*self._grown(self._yielded), event]

    def end_part(self) -> list[RetrieveEvent]:
        """One of several requests is done."""
        self._earlier_parts += self._this_part
        self._this_part = 0
        return self._grown(self._earlier_parts)

    def _grown(self, total: int) -> list[RetrieveEvent]:
        if total <= self._said:
            return []
        self._said = total
        return [Total(total)]
