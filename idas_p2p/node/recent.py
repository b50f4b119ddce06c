"""The latest events of this process, for who looks at a running node: those that may be logged, and no others.

Belongs here: keeping a few. Not here: what an event may hold (events.py), how it looks (dashboard/monitor).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

KEPT: Final = 500  # events; ours: a few screens


class RecentEvents(logging.Handler):
    """Keeps the latest events; a record of a library is not one of them."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: deque[Mapping[str, Any]] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one event; never fails."""
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            shown = {key: value if isinstance(value, int | float) else str(value) for key, value in fields.items()}
            level = record.levelname.lower()
            self._kept.append({"time": record.created, "level": level, "event": str(record.msg), "fields": shown})

    def latest(self) -> list[Mapping[str, Any]]:
        """Time (Unix seconds), level, event and fields of each, the oldest first."""
        return list(self._kept)
