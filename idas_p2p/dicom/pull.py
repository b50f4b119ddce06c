"""A thread's view of an async iterator: it waits for items, for a limited time if it likes, and can close the source.

Belongs here: one source on its way from the loop to a thread. Not here: the other crossings (bridge.py).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

from idas_p2p.errors import IdasError, NodeStopping, Unreachable
from idas_p2p.tasks import TaskOwner

T = TypeVar("T")

CLOSE_TIMEOUT: Final = 10.0  # seconds to wait for a source to close; ours


class End:
    """Marks the end of a source, and why it ended."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


END: Final = End()


class Pull(Generic[T]):
    """A thread's view of an async iterator: an iterator that can also wait for a limited time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, source: AsyncIterator[T], *, ahead: int) -> None:
        self._loop = loop
        self._source = source
        self._room = asyncio.Semaphore(ahead)
        self._items: queue.SimpleQueue[T | End] = queue.SimpleQueue()
        self._task: asyncio.Task[None] | None = None
        self._over: End | None = None
        self._reading = False
        self._closed = False
        self._ended = threading.Event()

    def begin(self, owner: TaskOwner) -> None:
        """Start reading the source. On the loop."""
        try:
            self._task = owner.start("dicom_pull", self._pump())
        except IdasError as error:
            self.fail(error)
        else:
            self._task.add_done_callback(lambda _: self.fail(NodeStopping()))

    def fail(self, error: BaseException) -> None:
        """End the iterator with an error, unless it has ended already."""
        self._items.put(End(error))
        self._ended.set()

    def get(self, timeout: float | None = None) -> T:
        """Return the next item.

        Raises:
            StopIteration: there is none.
            TimeoutError: none yet after `timeout` seconds; ask again.
            Exception: what the source raised.
        """
        if self._over is None:
            try:
                item = self._items.get(timeout=timeout)
            except queue.Empty:
                raise TimeoutError from None
            if not isinstance(item, End):
                self._tell(self._room.release)
                return item
            self._over = item
        if self._over.error is not None:
            raise self._over.error
        raise StopIteration

    def close(self) -> None:
        """Close the source and wait until it is closed. Idempotent; from a thread only."""
        self._over = self._over or END
        self._closed = True
        self._tell(self._cancel)
        self._ended.wait(CLOSE_TIMEOUT)

    def __iter__(self) -> Pull[T]:
        return self

    def __next__(self) -> T:
        return self.get()

    def __enter__(self) -> Pull[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, func: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the source with it
            self._loop.call_soon_threadsafe(func)

    def _cancel(self) -> None:
        if self._task is not None and self._reading:
            self._task.cancel()

    async def _pump(self) -> None:
        self._reading = True
        try:
            if not self._closed:
                await self._read()
            self._items.put(END)
        except TimeoutError:  # must not look like an item that is late
            self._items.put(End(Unreachable("timed out")))
        except Exception as error:  # told to the thread that reads
            self._items.put(End(error))
        finally:
            close = getattr(self._source, "aclose", None)
            if close is not None:
                await close()

    async def _read(self) -> None:
        await self._room.acquire()
        async for item in self._source:
            self._items.put(item)
            await self._room.acquire()
