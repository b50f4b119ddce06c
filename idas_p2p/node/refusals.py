"""Devices that were turned away, in the audit log: the first at once, those like it summed up.

A device that knocks a thousand times a second must not fill the disk with records of it. Belongs here: that bound.
Not here: who is turned away (callers.py).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Device, Note
from idas_p2p.clock import Clock

INTERVAL: Final = 60.0  # seconds between two records of one device turned away for one reason; ours
MAX_DEVICES: Final = 1_024  # remembered; ours


class Refusals:
    """Records what was refused.

    Args:
        note: of the audit log.
        clock: the time.
    """

    def __init__(self, note: Note, clock: Clock) -> None:
        self._note, self._clock = note, clock
        self._recorded: OrderedDict[tuple[Device, str], tuple[float, int]] = OrderedDict()  # when last, how many since

    def add(self, device: Device, reason: str) -> None:
        """A device was turned away; AuditUnavailable when that cannot be recorded."""
        key, now = (device, reason), self._clock.monotonic()
        last, more = self._recorded.get(key, (-INTERVAL, 0))
        if now - last < INTERVAL:
            self._recorded[key] = last, more + 1
            return
        text = f"and {more} times more since it was recorded last" if more else ""
        self._note(events.device_refused(device, reason=reason, text=text))
        self._recorded[key] = now, 0
        self._recorded.move_to_end(key)
        if len(self._recorded) > MAX_DEVICES:
            self._recorded.popitem(last=False)
