"""What devices store into the embedded archive, in the audit log: a study's first image at once, the rest summed up.

Law: no image is answered as stored that nothing is recorded of. Belongs here: that, and when a study is taken to be
whole. Not here: storing (embedded.py), who may store (services.py). Source: PS3.15 section A.5.3, docs/spec/audit.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Actor, Device, Note, subject, subject_of
from idas_p2p.clock import Clock
from idas_p2p.wire.audit import By, Event, Side
from idas_p2p.wire.study import Study

QUIET: Final = 60.0  # seconds without an image of a study from a device until it is taken to be whole; ours
MAX_OPEN: Final = 256  # studies that are coming at once; ours
EMBEDDED: Final = "the embedded archive"


@dataclass(slots=True)
class _Coming:
    """Images of one study from one device."""

    begun: Event
    last: float
    instances: int = 0
    failed: int = 0
    size: int = 0  # bytes of data sets


class StoredStudies:
    """Records what was stored.

    Args:
        note: of the audit log.
        clock: the time.
        study_of: a study of the embedded archive by its UID.
    """

    def __init__(self, note: Note, clock: Clock, study_of: Callable[[str], Study | None]) -> None:
        self._note, self._clock, self._study_of = note, clock, study_of
        self._coming: OrderedDict[tuple[Device, str], _Coming] = OrderedDict()

    def add(self, device: Device, study_uid: str, *, size: int, is_stored: bool = True) -> None:
        """An image came and was stored, or could not be; AuditUnavailable when that cannot be recorded."""
        now, key = self._clock.monotonic(), (device, study_uid)
        coming = self._coming.get(key)
        if coming is None:
            study = self._study_of(study_uid)
            actor = Actor(side=Side.NONE, by=By.TITLE, device=device)
            about = subject_of(study) if study is not None else subject(study_uid)
            begun = events.transfer_begun(actor, about, number=0, to=EMBEDDED)
            self._note(begun)
            coming = self._coming[key] = _Coming(begun, now)
        coming.last = now
        coming.instances += is_stored
        coming.failed += not is_stored
        coming.size += size
        self._coming.move_to_end(key)
        if len(self._coming) > MAX_OPEN:
            self._end(next(iter(self._coming)))

    def turn(self) -> None:
        """Record the end of what no image came of for a while."""
        while self._coming:
            key, coming = next(iter(self._coming.items()))
            if self._clock.monotonic() - coming.last < QUIET:
                return
            self._end(key)

    def close(self) -> None:
        """Record the end of everything, since the node ends."""
        while self._coming:
            self._end(next(iter(self._coming)))

    def _end(self, key: tuple[Device, str]) -> None:
        coming = self._coming.pop(key)
        begun, size = coming.begun, coming.size
        self._note(events.transfer_ended(begun, instances=coming.instances, failed=coming.failed, size=size))
