"""Fetches under way: one per study, user and part, however many workstations wait for it.

Law: a reader sees every instance once, in order of arrival, from the first one on, whenever it joins; a fetch that
nobody reads any more is stopped. Belongs here: sharing and back-pressure. Not here: from whom to fetch (retrieve.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from idas_p2p.errors import ChannelClosed, IdasError, LocalError
from idas_p2p.events import log_failure
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.instance import RetrieveEvent

MAX_FETCHES = 64  # at once; ours
MAX_AHEAD = 512  # instances arrived before the fastest reader took them; ours: bounds what piles up in the spool


class SharedFetch:
    """One fetch and its readers."""

    def __init__(self, source: AsyncIterator[RetrieveEvent]) -> None:
        self._source = source
        self._events: list[RetrieveEvent] = []
        self._changed = asyncio.Condition()
        self._furthest = 0
        self._error: IdasError | None = None
        self._ended = False
        self.readers = 0

    async def run(self) -> None:
        """Take events from the source until it ends."""
        try:
            async for event in self._source:
                async with self._changed:
                    self._events.append(event)
                    self._changed.notify_all()
                    await self._changed.wait_for(lambda: len(self._events) - self._furthest < MAX_AHEAD)
        except IdasError as error:
            self._error = error
        except asyncio.CancelledError:
            self._error = ChannelClosed("the fetch was stopped")
            raise
        except Exception as error:  # a bug: the readers must not wait for ever
            log_failure("fetch_failed", error)
            self._error = LocalError()
        finally:
            await self._source.aclose()  # type: ignore[attr-defined]
            self._ended = True
            async with self._changed:
                self._changed.notify_all()

    async def read(self) -> AsyncIterator[RetrieveEvent]:
        """Yield all events, then raise the fetch's error if it has one."""
        index = 0
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._ended or index < len(self._events))  # noqa: B023
                if index >= len(self._events):
                    break
                event = self._events[index]
                index += 1
                if index > self._furthest:
                    self._furthest = index
                    self._changed.notify_all()
            yield event
        if self._error is not None:
            raise self._error


class Fetches:
    """All fetches under way, by key.

    Args:
        on_idle: called with a key when its last reader left: what arrived for it is no longer read.
    """

    def __init__(self, *, on_idle: Callable[[bytes], None]) -> None:
        self._on_idle = on_idle
        self._tasks = TaskOwner(limit=MAX_FETCHES)
        self._running: dict[bytes, tuple[SharedFetch, asyncio.Task[None]]] = {}

    async def read(self, key: bytes, start: Callable[[], AsyncIterator[RetrieveEvent]]) -> AsyncIterator[RetrieveEvent]:
        """Read the fetch of this key, started with `start` when it is not under way.

        Raises:
            Busy: too many fetches run.
            IdasError: what the fetch ended with.
        """
        if key not in self._running:
            fetch = SharedFetch(start())
            task = self._tasks.start("fetch", fetch.run())
            self._running[key] = fetch, task
            task.add_done_callback(lambda ended: self._forget(key, ended))
        fetch, task = self._running[key]
        fetch.readers += 1
        try:
            async for event in fetch.read():
                yield event
        finally:
            fetch.readers -= 1
            if not fetch.readers:
                self._forget(key, task)
                task.cancel()
                self._on_idle(key)

    def _forget(self, key: bytes, task: asyncio.Task[None]) -> None:
        """Let the next reader start anew; a later fetch under the same key stays."""
        if key in self._running and self._running[key][1] is task:
            del self._running[key]

    def active(self) -> int:
        """How many run."""
        return len(self._running)

    async def stop(self) -> None:
        """Stop all; what arrived stays in the spool."""
        await self._tasks.stop()
