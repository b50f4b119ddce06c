"""Fetches under way: one per study, user and part, however many workstations wait for it.

Law: a reader sees every instance once, in order of arrival, from the first one on, whenever it joins; a fetch that
nobody reads any more is stopped; what it holds is let go when it has ended and nobody reads it.
Belongs here: sharing and back-pressure. Not here: from whom to fetch (retrieve.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing

from idas_p2p.errors import IdasError, LocalError, NodeStopping
from idas_p2p.events import log_failure
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.instance import RetrieveEvent

MAX_FETCHES = 64  # at once; ours
MAX_AHEAD = 512  # instances arrived before the fastest reader took them; ours: bounds what piles up in the spool

Source = Callable[[ExitStack], AsyncGenerator[RetrieveEvent, None]]
"""Starts a fetch; what it enters on the stack stays open until nobody reads any more."""


class SharedFetch:
    """One fetch and its readers.

    Args:
        source: started once.
    """

    def __init__(self, source: Source) -> None:
        self._held = ExitStack()
        self._source = source(self._held)
        self._events: list[RetrieveEvent] = []
        self._changed = asyncio.Event()  # set at each change, and a new one put in its place
        self._furthest = 0
        self._error: IdasError | None = None
        self._ended = False
        self._readers = 0
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Take events from the source until it ends."""
        try:
            async with aclosing(self._source) as events:
                async for event in events:
                    self._events.append(event)
                    self._tell()
                    while len(self._events) - self._furthest >= MAX_AHEAD:
                        await self._changed.wait()
        except IdasError as error:
            self.end(error)
        except Exception as error:  # a bug: the readers must not wait for ever
            log_failure("fetch_failed", error)
            self.end(LocalError())
        else:
            self.end(None)

    def end(self, error: IdasError | None) -> None:
        """Nothing more will come; only the first call counts."""
        if not self._ended:
            self._ended, self._error = True, error
            self._let_go()
            self._tell()

    def join(self) -> None:
        """One reader more."""
        self._readers += 1

    def leave(self) -> bool:
        """One reader less; whether it was the last."""
        self._readers -= 1
        self._let_go()
        return not self._readers

    async def read(self) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield all events, then raise the fetch's error if it has one."""
        index = 0
        while True:
            while index >= len(self._events):
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return
                await self._changed.wait()
            event = self._events[index]
            index += 1
            if index > self._furthest:
                self._furthest = index
                self._tell()
            yield event

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _let_go(self) -> None:
        if self._ended and not self._readers:
            self._held.close()


class Fetches:
    """All fetches under way, by key."""

    def __init__(self) -> None:
        self._tasks = TaskOwner(limit=MAX_FETCHES)
        self._running: dict[bytes, SharedFetch] = {}

    async def read(self, key: bytes, source: Source) -> AsyncGenerator[RetrieveEvent, None]:
        """Read the fetch of this key, started from `source` when it is not under way.

        Raises:
            Busy: too many fetches run.
            IdasError: what the fetch ended with.
        """
        fetch = self._running.get(key) or self._start(key, SharedFetch(source))
        fetch.join()
        try:
            async with aclosing(fetch.read()) as events:
                async for event in events:
                    yield event
        finally:
            if fetch.leave() and fetch.task is not None:
                self._forget(key, fetch)
                fetch.task.cancel()

    def _start(self, key: bytes, fetch: SharedFetch) -> SharedFetch:
        fetch.task = self._tasks.start("fetch", fetch.run())
        fetch.task.add_done_callback(lambda _: self._over(key, fetch))
        self._running[key] = fetch
        return fetch

    def _over(self, key: bytes, fetch: SharedFetch) -> None:
        self._forget(key, fetch)
        fetch.end(NodeStopping("the fetch was stopped"))  # when it was cancelled

    def _forget(self, key: bytes, fetch: SharedFetch) -> None:
        """Let the next reader start anew; a later fetch under the same key stays."""
        if self._running.get(key) is fetch:
            del self._running[key]

    def active(self) -> int:
        """How many run."""
        return len(self._running)

    async def stop(self) -> None:
        """Stop all; what arrived stays in the spool."""
        await self._tasks.stop()
