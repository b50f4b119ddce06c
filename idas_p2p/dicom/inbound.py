"""Instances that arrive because this node asked for them: who waits for which, and how fast they may come.

An archive answers a C-MOVE by storing to this node, over an association of its own. What arrives there is offered here,
and goes to the fetch that asked that archive for that study. Each fetch holds a few instances at most; an offer waits
while it is full, and so does the archive.

Belongs here: matching arrivals to fetches. Not here: C-STORE (store_service.py), C-MOVE (client.py).
"""

from __future__ import annotations

import asyncio
from typing import Final

from idas_p2p.dicom.arrived import Arrived
from idas_p2p.dicom.requests import Ended
from idas_p2p.errors import IdasError
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total

Event = Instance | InstanceFailed | Total | Ended | IdasError

QUEUE_SIZE: Final = 4  # instances a fetch holds; ours: at most as many MEMORY_INSTANCE_SIZE in memory


class Expectation:
    """One running fetch; expects while entered as a context manager.

    Its queue carries the instances as they arrive, and between them whatever else the fetch is told with `note`.
    """

    def __init__(self, inbound: Inbound, archive_aet: str, selection: Selection) -> None:
        self._inbound = inbound
        self._archive_aet = archive_aet
        self._selection = selection
        self._received = Arrived()
        self._seen = 0  # arrivals when last asked for progress
        self._room = asyncio.Semaphore(QUEUE_SIZE)
        self._closed = False
        self._events: asyncio.Queue[Event] = asyncio.Queue()  # instances bounded by `_room`; the others are few
        self.arrived = 0  # offers taken, copies included

    def __enter__(self) -> Expectation:
        self._inbound.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._inbound.remove(self)
        self._room.release()  # whoever waits learns that it is over, and passes it on

    @property
    def received(self) -> int:
        """Different instances offered so far, whether or not they were taken from the queue yet."""
        return len(self._received)

    def wants(self, caller_aet: str, instance: Instance) -> bool:
        """Whether this fetch asked this archive for the instance, received already or not."""
        return (
            instance.study_uid == self._selection.study_uid
            and caller_aet == self._archive_aet
            and self._selection.includes(series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid)
        )

    def has(self, instance: Instance) -> bool:
        """Whether the instance came before, with these bytes or others."""
        return instance.sop_instance_uid in self._received

    def put_again(self, instance: Instance) -> None:
        """Take an instance that came before; with other bytes, the fetch is told that it changed."""
        self.arrived += 1
        if (change := self._received.change(instance)) is not None:
            self.note(change)

    def has_progressed(self) -> bool:
        """Whether anything came since the last call, or waits because the fetch is full. From any thread."""
        before, self._seen = self._seen, self.arrived
        return self.arrived != before or self._room.locked()

    async def put(self, instance: Instance) -> bool:
        """Hand an instance to the fetch, waiting while it is full; False when the fetch ended meanwhile."""
        instance = self._received.add(instance)
        self.arrived += 1
        await self._room.acquire()
        if self._closed:
            self._room.release()
            return False
        self._events.put_nowait(instance)
        return True

    def comes_from(self, caller_aet: str) -> bool:
        """Whether this fetch waits for that archive."""
        return caller_aet == self._archive_aet

    def note(self, event: Event) -> None:
        """Tell the fetch something between the instances."""
        self._events.put_nowait(event)

    async def take(self, timeout: float | None) -> Event:
        """The next instance or note; taking an instance makes room for another.

        Raises:
            TimeoutError: nothing came for `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            event = await self._events.get()
        if isinstance(event, Instance):
            self._room.release()
        return event


class Inbound:
    """All running fetches that wait for instances."""

    def __init__(self) -> None:
        self._expectations: list[Expectation] = []

    def expect(self, archive_aet: str, selection: Selection) -> Expectation:
        """A new fetch from an archive; it counts from entering it as a context manager."""
        return Expectation(self, archive_aet, selection)

    def add(self, expectation: Expectation) -> None:
        """Begin to match arrivals against an expectation."""
        self._expectations.append(expectation)

    def remove(self, expectation: Expectation) -> None:
        """End that."""
        self._expectations.remove(expectation)

    async def offer(self, caller_aet: str, instance: Instance) -> bool:
        """Offer an arrived instance to the fetch that waits for it; returns when that fetch has it.

        Where several fetches want the same study, each arrival goes to the first that does not have it yet: as many
        C-MOVEs run, so as many copies come. A copy too many is taken, compared and dropped.

        Args:
            caller_aet: the AE title of the archive that stores it.
            instance: what it stores.

        Returns:
            False when nobody asked for it, or no longer wants it.
        """
        wanting = [e for e in self._expectations if e.wants(caller_aet, instance)]
        for expectation in wanting:
            if not expectation.has(instance):
                return await expectation.put(instance)
        if wanting:
            wanting[0].put_again(instance)
        return bool(wanting)

    def refused(self, caller_aet: str, failed: InstanceFailed) -> None:
        """Tell the fetches from an archive that it sent an instance which could not be taken.

        An instance that cannot be read does not tell its study, so with several fetches from one archive each is told:
        a failure too many is better than a study that looks whole and is not.
        """
        for expectation in self._expectations:
            if expectation.comes_from(caller_aet):
                expectation.note(failed)
