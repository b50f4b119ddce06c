"""The only door between threads and the event loop: pynetdicom blocks, everything else awaits.

Belongs here: crossing in either direction, with a bound on threads and on items held at a crossing. Not here: DICOM.
Law: the loop never blocks on a thread; a thread waits for the loop only through this module, and wakes when it closes.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

from idas_p2p.dicom.pull import END, Pull
from idas_p2p.errors import Busy, NodeStopping
from idas_p2p.events import log_failure
from idas_p2p.tasks import TaskOwner

T = TypeVar("T")

AHEAD: Final = 2  # items taken from a source before a thread asks for them; ours: hides one hand-over
MAX_PULLS: Final = 1_024  # sources read by threads at once; ours
CLOSE_TIMEOUT: Final = 10.0  # seconds to wait for the other side of a crossing to end; ours


class Bridge:
    """Carries calls between the event loop it is made on and blocking threads.

    Args:
        threads: the most blocking calls, and the most blocking streams, that run at once.
    """

    def __init__(self, *, threads: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls = ThreadPoolExecutor(threads, thread_name_prefix="dicom-call")
        self._streams = ThreadPoolExecutor(threads, thread_name_prefix="dicom-stream")
        self._free_streams = threads
        self._pumps = TaskOwner(limit=MAX_PULLS)
        self._lock = threading.Lock()
        self._waiting: set[Future[Any]] = set()
        self._closed = False

    async def run(self, func: Callable[..., T], *args: Any) -> T:
        """Run a blocking call in a thread and await its result; calls over the bound wait their turn.

        Raises:
            NodeStopping: the bridge is closed.
        """
        return await self.begin(func, *args)

    def begin(self, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Start a blocking call in a thread; for those who must know its end even when they are cancelled.

        Raises:
            NodeStopping: the bridge is closed.
        """
        if self._closed:
            raise NodeStopping
        return self._loop.run_in_executor(self._calls, func, *args)

    def tell(self, func: Callable[..., object], *args: Any) -> None:
        """Have the loop call a function soon, from any thread; not at all when the loop has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(func, *args)

    def call(self, coroutine: Coroutine[Any, Any, T], *, timeout: float | None = None) -> T:
        """Run a coroutine on the loop and wait for its result. From a thread only.

        Args:
            coroutine: started once, cancelled when its time is over.
            timeout: seconds, or None to wait for as long as the bridge is open.

        Raises:
            TimeoutError: no result within `timeout` seconds.
            NodeStopping: the bridge closed meanwhile.
        """
        with self._lock:
            if self._closed:
                coroutine.close()
                raise NodeStopping
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._waiting.add(future)
        try:
            return future.result(timeout)
        except concurrent.futures.CancelledError:
            raise NodeStopping from None
        except TimeoutError:
            future.cancel()
            raise
        finally:
            with self._lock:
                self._waiting.discard(future)

    def iterate(self, source: AsyncIterator[T], *, ahead: int = AHEAD) -> Pull[T]:
        """Read an async iterator from a thread; closing the result closes the source.

        The source runs in one task of its own from first item to close, `ahead` items in advance at most.
        """
        pull = Pull(self._loop, source, ahead=ahead)
        self._soon(pull, pull.begin, self._pumps)
        return pull

    async def stream(self, make: Callable[[], Iterator[T]], *, maxsize: int) -> AsyncIterator[T]:
        """Run a blocking iterator in a thread and yield its items, `maxsize` held in between at most.

        A generator is closed in its thread when the reader stops early, after the item it is working on.

        Raises:
            Busy: as many streams as the bridge has threads run already.
            NodeStopping: the bridge is closed.
        """
        if self._closed:
            raise NodeStopping
        if not self._free_streams:
            raise Busy("streams")
        self._free_streams -= 1
        push = _Push(self._loop, maxsize=maxsize)
        work = self._loop.run_in_executor(self._streams, push.run, make)
        work.add_done_callback(self._end_stream)
        try:
            while (item := await push.items.get()) is not END:
                push.room.release()
                yield item
            await work  # raises what the iterator raised
        finally:
            push.stop()
            await asyncio.wait([work], timeout=CLOSE_TIMEOUT)

    async def close(self) -> None:
        """Refuse new work, wake every waiting thread, close every source. Idempotent."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
        for future in waiting:
            future.cancel()
        await self._pumps.stop()
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._streams.shutdown(wait=False, cancel_futures=True)

    def _end_stream(self, work: asyncio.Future[None]) -> None:
        self._free_streams += 1
        if not work.cancelled():
            work.exception()  # seen by the reader, or nobody reads any more

    def _soon(self, pull: Pull[Any], func: Callable[..., None], *args: Any) -> None:
        with self._lock:
            if self._closed:
                pull.fail(NodeStopping())
                return
            self._loop.call_soon_threadsafe(func, *args)


class _Push:
    """A thread's items on their way to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, maxsize: int) -> None:
        self._loop = loop
        self._stopped = False
        self.room = threading.Semaphore(maxsize)
        self.items: asyncio.Queue[Any] = asyncio.Queue()  # bounded by `room`

    def stop(self) -> None:
        """Make the thread stop at its next item. On the loop."""
        self._stopped = True
        self.room.release()

    def run(self, make: Callable[[], Iterator[Any]]) -> None:
        """Work through the iterator. In a thread."""
        try:
            self._work(make())
        finally:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.items.put_nowait, END)

    def _work(self, source: Iterator[Any]) -> None:
        try:
            for item in source:
                self.room.acquire()
                if self._stopped:
                    break
                self._loop.call_soon_threadsafe(self.items.put_nowait, item)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                _close_quietly(close, self._stopped)


def _close_quietly(close: Callable[[], None], stopped: bool) -> None:
    try:
        close()
    except Exception as error:
        if not stopped:
            raise
        log_failure("stream_close_failed", error)  # nobody waits for it any more
