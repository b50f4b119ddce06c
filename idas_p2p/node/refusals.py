"""Devices and nodes that were turned away, in the audit log: the first at once, those like it summed up.

One that knocks a thousand times a second must not fill the disk with records of it, nor a thousand that knock once.
Belongs here: these bounds.
Not here: who is turned away (callers.py).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Device, Note
from idas_p2p.clock import Clock

INTERVAL: Final = 60.0  # seconds between two records of one device turned away for one reason; ours
MAX_DEVICES: Final = 1_024  # remembered; ours
MAX_AT_ONCE: Final = 60  # records in an interval, of all devices; ours: 86,400 a day, some 20 MB


class Refusals:
    """Records what was refused.

    Args:
        note: of the audit log.
        clock: the time.
    """

    def __init__(self, note: Note, clock: Clock) -> None:
        self._note, self._clock = note, clock
        self._times, self._unrecorded = deque[float](), 0
        self._recorded: OrderedDict[tuple[Device, str], tuple[float, int]] = OrderedDict()  # when last, how many since

    def add(self, device: Device, reason: str) -> None:
        """A device was turned away; AuditUnavailable when that cannot be recorded."""
        key, now = (device, reason), self._clock.monotonic()
        last, more = self._recorded.get(key, (-INTERVAL, 0))
        if now - last < INTERVAL:
            self._recorded[key] = last, more + 1
            return
        while self._times and now - self._times[0] >= INTERVAL:
            self._times.popleft()
        if len(self._times) >= MAX_AT_ONCE:
            self._unrecorded += 1
            return
        told = [f"and {more} times more since it was recorded last"] if more else []
        told += [f"and {self._unrecorded} of others since"] if self._unrecorded else []
        self._note(events.device_refused(device, reason=reason, text="; ".join(told)))
        self._times.append(now)
        self._recorded[key], self._unrecorded = (now, 0), 0
        self._recorded.move_to_end(key)
        if len(self._recorded) > MAX_DEVICES:
            self._recorded.popitem(last=False)
