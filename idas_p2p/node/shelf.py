"""A study on its way out of our archives: pulled once for all who ask at the same time, kept while somebody needs it.

Law: every reader sees each instance once, in order of arrival, from the first one on, whenever it joins; the archive is
asked only as fast as the fastest reader takes, and waits when neither memory nor spool has room for what readers need.
An instance that was let go is asked for again by its name.
Belongs here: one pull and its readers. Not here: who may join it (shelves.py), where the bytes lie (keeping.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Final

from idas_p2p.dicom.arrived import fingerprint
from idas_p2p.errors import IdasError, InstanceChanged, LocalError, NodeStopping, StudyNotFound
from idas_p2p.events import log_event, log_failure
from idas_p2p.node.keeping import Keeping, Reader, Slot
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total

AHEAD: Final = 4_194_304  # bytes taken from the archive before the fastest reader took them; ours: hides its pauses
RETRY: Final = (
    1.0  # seconds until a full spool is tried again though no reader went on; ours: another may have freed it
)

Pull = Callable[[Selection], AsyncGenerator[RetrieveEvent, None]]
"""Asks our archives for something."""


class Shelf:
    """One pull and what came of it.

    Args:
        selection: what is pulled.
        pull: asks the archives; started once, and again for instances that were let go.
        keeping: holds the bytes.
    """

    def __init__(self, selection: Selection, pull: Pull, keeping: Keeping) -> None:
        self.selection, self._pull, self._keeping = selection, pull, keeping
        self._events: list[Total | InstanceFailed | Slot] = []
        self._slots: dict[str, Slot] = {}
        self._changed = asyncio.Event()  # set at a change, and a new one put in its place
        self._waiting = 0  # for it
        self._ahead = 0  # bytes that no reader has taken yet
        self._furthest = 0  # events that the fastest reader has taken
        self.readers: set[Reader] = set()
        self.error: IdasError | None = None
        self.has_ended = False

    @property
    def count(self) -> int:
        """Instances that came, lost ones included."""
        return len(self._slots)

    async def run(self) -> None:
        """Take events from the archives until they end."""
        try:
            async with aclosing(self._pull(self.selection)) as events:
                async for event in events:
                    self._put(event)
                    await self._make_room()
        except IdasError as error:
            self._end(error)
        except asyncio.CancelledError:
            self._end(NodeStopping("the fetch was stopped"))
            raise
        except Exception as error:  # a bug: the readers must not wait for ever
            log_failure("pull_failed", error)
            self._end(LocalError())
        else:
            self._end(None)

    def close(self) -> None:
        """Let everything go; nobody reads any more, or the node stops."""
        if not self.has_ended:
            self._end(NodeStopping("the fetch was stopped"))
        self._slots.clear()
        self._events.clear()
        self._keeping.close()

    async def read(self, reader: Reader) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield everything the reader's selection includes, then raise the pull's error if it has one."""
        told = 0  # instances of a reader that wants less than is pulled
        while await self._has_event(reader.position):
            event = self._events[reader.position]
            self._note_reading(reader.position)
            if (shown := await self._shown(event, reader)) is not None:
                if reader.selection != self.selection:
                    told += 1
                    yield Total(told)
                yield shown
            reader.position += 1
            self.tell()
        if reader.selection != self.selection and not told:
            raise StudyNotFound

    async def _has_event(self, position: int) -> bool:
        """Wait for an event; False when the pull ended before it.

        Raises:
            IdasError: what the pull ended with.
        """
        while position >= len(self._events):
            if self.error is not None:
                raise self.error
            if self.has_ended:
                return False
            await self._wait()
        return True

    async def instance(self, sop_instance_uid: str) -> Instance:
        """One that came, the same bytes again.

        Raises:
            InstanceChanged: the archive has other bytes now.
            IdasError: it cannot be had any more.
        """
        slot = self._slots.get(sop_instance_uid)
        if slot is None:
            raise InstanceChanged("it was never given")
        if slot.failure is not None:
            raise slot.failure
        return slot.instance or await self._again(slot)

    def tell(self) -> None:
        """Wake everybody who waits for a change."""
        if self._waiting:
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            await self._changed.wait()
        finally:
            self._waiting -= 1

    async def _shown(self, event: Total | InstanceFailed | Slot, reader: Reader) -> RetrieveEvent | None:
        """An event as a reader sees it; None when it does not."""
        if isinstance(event, Total):
            return event if reader.selection == self.selection else None
        if isinstance(event, InstanceFailed):
            wanted = reader.selection.sop_instance_uids
            return event if not wanted or event.sop_instance_uid in wanted else None
        try:
            instance = await self.instance(event.sop_instance_uid)
        except IdasError as error:
            return InstanceFailed(sop_instance_uid=event.sop_instance_uid, reason=error)
        included = reader.selection.includes(series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid)
        return instance if included else None

    def _note_reading(self, index: int) -> None:
        if index >= self._furthest:
            self._furthest = index + 1
            event = self._events[index]
            self._ahead -= event.size if isinstance(event, Slot) else 0
            self.tell()

    def _put(self, event: RetrieveEvent) -> None:
        if not isinstance(event, Total) and (known := self._slots.get(event.sop_instance_uid)) is not None:
            if isinstance(event, InstanceFailed):  # it changed after it had come: nobody else gets it
                log_event("instance_changed", reason=event.reason.code)
                known.failure = event.reason
            return
        if isinstance(event, Instance):
            slot = Slot(event, event.sop_instance_uid, len(self._events), event.data.size)
            self._slots[slot.sop_instance_uid] = slot
            self._events.append(slot)
            self._ahead += slot.size
            self._keeping.add(slot)
        else:
            self._events.append(event)
        self.tell()

    async def _make_room(self) -> None:
        """Bring what memory does not hold to the disk, and wait while the readers are behind."""
        while self._keeping.is_over:
            if await self._keeping.bring_to_disk() or self._keeping.let_go(self.readers):
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY):
                    await self._wait()
        while self._ahead > AHEAD and len(self._events) - self._furthest > 1:
            await self._wait()

    async def _again(self, slot: Slot) -> Instance:
        """Ask the archives for an instance that was let go."""
        one = Selection(study_uid=self.selection.study_uid, sop_instance_uids=(slot.sop_instance_uid,))
        async with aclosing(self._pull(one)) as events:
            async for event in events:
                if isinstance(event, InstanceFailed):
                    raise event.reason
                if isinstance(event, Instance) and event.sop_instance_uid == slot.sop_instance_uid:
                    if event.data.size != slot.size or slot.print not in (None, fingerprint(event.data)):
                        raise InstanceChanged("it has other bytes than before")
                    return event
        raise InstanceChanged("the archive has it no more")

    def _end(self, error: IdasError | None) -> None:
        self.has_ended, self.error = True, error
        self.tell()
