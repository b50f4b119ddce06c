"""All studies on their way out of our archives: who asks for one that is being pulled joins that pull.

Law: an archive that is sending a study to one asker is not asked for the same again by another at that time; a pull
that nobody waits for any more ends, at once or, where the link may only have been cut, after a moment.
Belongs here: joining and leaving. Not here: one pull (shelf.py), from which archive (holdings.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.node.keeping import Keeping, Memory, Reader
from idas_p2p.node.shelf import Pull, Shelf
from idas_p2p.store.scratch import Scratch
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection

MAX_SHELVES: Final = 128  # pulls at once; ours
MEMORY: Final = (
    16_777_216  # bytes of instances that all pulls hold in memory; ours: the rest lies in the spool's folder
)
LINGER: Final = 10.0  # seconds a pull waits for a requester whose link broke; ours: archives wait longer than that


class Lease:
    """A study at hand, while entered as a context manager (exchange.interfaces.StudyLease)."""

    def __init__(self, shelves: Shelves, shelf: Shelf, reader: Reader, *, linger: float) -> None:
        self._shelves, self._shelf, self._reader, self._linger = shelves, shelf, reader, linger
        self._was_read = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_early = kind is not None or not (self._was_read or self._reader.keeps)
        self._shelves.leave(self._shelf, self._reader, linger=self._linger if is_early else 0.0)

    async def events(self) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield each instance once, in order of arrival, and a Total before the first and whenever it changes.

        Raises:
            IdasError: what the pull ended with.
        """
        async with aclosing(self._shelf.read(self._reader)) as events:
            async for event in events:
                yield event
        self._was_read = True

    async def instance(self, sop_instance_uid: str) -> Instance:
        """An instance that `events` yielded, the same bytes again; its size is looked at, its digest is not.

        Raises:
            InstanceChanged: the archive has other bytes now.
            IdasError: it cannot be had any more.
        """
        return await self._shelf.instance(sop_instance_uid)

    def taken(self, sop_instance_uid: str) -> None:
        """Say that an instance will not be asked for again."""
        self._reader.taken.add(sop_instance_uid)
        self._shelf.tell()


class Shelves:
    """All pulls under way.

    Args:
        scratch: makes a place for what memory does not hold.
        bridge: runs the disk's work.
        memory: bytes held in memory by all pulls.
    """

    def __init__(self, scratch: Callable[[], Scratch], bridge: Bridge, *, memory: int = MEMORY) -> None:
        self._scratch, self._bridge, self._memory = scratch, bridge, Memory(memory)
        self._tasks = TaskOwner(limit=MAX_SHELVES)
        self._shelves: dict[Selection, Shelf] = {}
        self._running: dict[Shelf, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._shelves)

    def open(
        self, selection: Selection, pull: Pull, *, keeps: bool = False, linger: float = 0.0, at_least: int = 0
    ) -> Lease:
        """Join the pull of a selection or of its whole study, or start one.

        Args:
            selection: what is asked for.
            pull: asks the archives.
            keeps: instances may be asked for again until they were taken.
            linger: seconds the pull waits for another asker when this one leaves early.
            at_least: instances the study is known to have; an older pull that ended with fewer is not joined.

        Raises:
            Busy: too many pulls run.
        """
        shelf = self._joinable(selection, at_least) or self._start(selection, pull)
        reader = Reader(selection, keeps)
        shelf.readers.add(reader)
        return Lease(self, shelf, reader, linger=linger)

    def leave(self, shelf: Shelf, reader: Reader, *, linger: float) -> None:
        """One reader less."""
        shelf.readers.discard(reader)
        shelf.tell()
        if shelf.readers:
            return
        if linger and shelf.error is None:
            asyncio.get_running_loop().call_later(linger, self._close_unread, shelf)
        else:
            self._close_unread(shelf)

    async def stop(self) -> None:
        """Stop all."""
        await self._tasks.stop()
        for shelf in list(self._running):
            self._close(shelf)

    def _joinable(self, selection: Selection, at_least: int) -> Shelf | None:
        for same in (selection, Selection(study_uid=selection.study_uid)):
            shelf = self._shelves.get(same)
            if shelf is not None and shelf.error is None and (not shelf.has_ended or shelf.count >= at_least):
                return shelf
        return None

    def _start(self, selection: Selection, pull: Pull) -> Shelf:
        shelf = Shelf(selection, pull, Keeping(self._scratch(), self._bridge, self._memory))
        self._running[shelf] = self._tasks.start("pull", shelf.run())
        self._shelves[selection] = shelf
        return shelf

    def _close_unread(self, shelf: Shelf) -> None:
        if not shelf.readers:
            self._close(shelf)

    def _close(self, shelf: Shelf) -> None:
        task = self._running.pop(shelf, None)
        if self._shelves.get(shelf.selection) is shelf:
            del self._shelves[shelf.selection]
        if task is not None:
            task.cancel()
            shelf.close()
