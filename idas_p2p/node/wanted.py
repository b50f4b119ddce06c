"""What was asked for by name and never came: without it a retrieval would call itself a success for less.

Belongs here: comparing names. Pure. Not here: counting (dicom/retrieve.py), retrieving (retrieve.py).
"""

from __future__ import annotations

from idas_p2p.errors import StudyNotFound
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection


class Wanted:
    """The names in one selection.

    Args:
        selection: what is asked for.
    """

    def __init__(self, selection: Selection) -> None:
        self._instances = dict.fromkeys(selection.sop_instance_uids)
        self._series = {} if self._instances else dict.fromkeys(selection.series_uids)
        self._has_failures = False

    def note(self, event: RetrieveEvent) -> None:
        """Something came, or is known to have failed."""
        if isinstance(event, Instance):
            self._instances.pop(event.sop_instance_uid, None)
            self._series.pop(event.series_uid, None)
        elif isinstance(event, InstanceFailed):
            self._instances.pop(event.sop_instance_uid, None)
            self._has_failures = True

    def missing(self) -> list[InstanceFailed]:
        """One failure for each name of which nothing was said; that of a series has no name."""
        series = [] if self._has_failures else [""] * len(self._series)
        return [InstanceFailed(sop_instance_uid=uid, reason=StudyNotFound()) for uid in [*self._instances, *series]]
