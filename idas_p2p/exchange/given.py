"""What an archive gives of a study, told to a requester: each instance once, only what was asked for, truly counted.

Belongs here: counting and choosing. Not here: what telling means (send.py: the instance; listing.py: its names).
Source: docs/spec/exchange.md section 4.3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from idas_p2p.errors import ArchiveFailed, MalformedInstance
from idas_p2p.events import log_event
from idas_p2p.exchange.outgoing import Outgoing, is_uid
from idas_p2p.wire.fetching import MAX_ANNOUNCED, FetchStart, instance_mark
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total


class Given:
    """Passes on the events of one study.

    Args:
        outgoing: tells the requester.
        selection: what it asked for.
        tell: tells it of one instance.
    """

    def __init__(self, outgoing: Outgoing, selection: Selection, tell: Callable[[Instance], Awaitable[None]]) -> None:
        self._outgoing, self._selection, self._tell = outgoing, selection, tell
        self._total = 0  # events that the archive promised
        self._handled = 0  # and gave
        self._announced = -1
        self._done = set[bytes]()  # marks of the instances told of, lost ones included
        self._unnamed = 0  # instances that no message can name

    @property
    def count(self) -> int:
        """Instances told of, lost ones included."""
        return len(self._done)

    async def take(self, event: RetrieveEvent) -> None:
        """Pass one event on."""
        if isinstance(event, Total):
            self._total = event.count
            await self._announce(event.count)
            return
        self._handled += 1
        if isinstance(event, Instance) and not self._is_asked_for(event):
            log_event("instance_not_asked_for", peer=self._outgoing.peer)
        elif not is_uid(event.sop_instance_uid):
            self._unnamed += 1
        elif (mark := instance_mark(event.sop_instance_uid)) not in self._done:
            self._done.add(mark)
            await self._announce(max(self._announced, len(self._done)))
            if isinstance(event, InstanceFailed):
                await self._outgoing.lose(event.sop_instance_uid, event.reason.code)
            else:
                await self._tell(event)

    async def finish(self) -> None:
        """Say how many there were in the end.

        Raises:
            ArchiveFailed: the archive gave fewer than it had promised.
            MalformedInstance: it gave some that cannot be named.
        """
        if self._handled < self._total:
            raise ArchiveFailed("fewer instances than promised")
        if self._unnamed:
            raise MalformedInstance("an instance has no UID")
        await self._announce(len(self._done))

    def _is_asked_for(self, instance: Instance) -> bool:
        return instance.study_uid == self._selection.study_uid and self._selection.includes(
            series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid
        )

    async def _announce(self, total: int) -> None:
        if total > MAX_ANNOUNCED:
            raise ArchiveFailed("more instances than one transfer can bring")
        if total != self._announced:
            self._announced = total
            await self._outgoing.send(FetchStart(total=total))
