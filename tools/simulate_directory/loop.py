"""Virtual time: an event loop that jumps to the next event instead of waiting for it.

Belongs here: the order of timers and arrivals. Not here: what travels (network.py). The loop has no sockets and no
threads; when nothing is left that could ever happen it says so instead of hanging.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
EPOCH = 1_800_000_000.0  # Unix seconds at loop time 0
START = 1_000.0  # loop seconds at which a run begins
LOOK_AT_CLOCK = 4_096  # events between two looks at the real clock


class OutOfTime(Exception):
    """The run took more real seconds than it was given."""


class NothingLeft(Exception):
    """Somebody waits, and nothing is under way that could wake them."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is its own.

    Args:
        limit: real seconds that a run may take, or None.
    """

    def __init__(self, *, limit: float | None = None) -> None:
        super().__init__()
        self._now = START
        self._events: list[tuple[float, int, asyncio.TimerHandle | Callable[[], None]]] = []
        self._number = 0  # equal times keep their order
        self._limit = limit
        self._ends = time.monotonic() + limit if limit is not None else None
        self.events = 0
        self.bind: Callable[[asyncio.DatagramProtocol, tuple[str, int]], Any] | None = None  # the network's

    def time(self) -> float:
        """Seconds; virtual."""
        return self._now

    def call_at(  # type: ignore[override]  # the same, for any callback
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Call at a virtual time."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heapq.heappush(self._events, (when, self._number, timer))
        return timer

    def arrive(self, delay: float, deliver: Callable[[], None]) -> None:
        """Call straight from the loop, without the price of a handle; `deliver` does not raise."""
        self._number += 1
        heapq.heappush(self._events, (self._now + delay, self._number, deliver))

    async def create_datagram_endpoint(  # type: ignore[override]  # all that simulated code asks for
        self, protocol_factory: Any, local_addr: Any = None, **options: Any
    ) -> Any:
        """Open a simulated socket, for code that asks its loop for one."""
        assert self.bind is not None, "no network was laid"
        protocol = protocol_factory()
        return self.bind(protocol, local_addr), protocol

    def _run_once(self) -> None:
        """One turn, as BaseEventLoop has it, without a selector."""
        ready = self._ready  # type: ignore[attr-defined]  # of BaseEventLoop
        if not ready:
            self._advance(ready)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _advance(self, ready: Any) -> None:
        """Let events happen until one makes somebody ready."""
        while not ready:
            if not self._events:
                raise NothingLeft
            when, _, event = heapq.heappop(self._events)
            self._now = max(self._now, when)
            self.events += 1
            if self._ends is not None and self.events % LOOK_AT_CLOCK == 0 and time.monotonic() > self._ends:
                self._ends = None  # so that cleaning up is not cut short
                raise OutOfTime(f"no end within {self._limit:g} s")
            if not isinstance(event, asyncio.TimerHandle):
                event()
            elif not event.cancelled():
                ready.append(event)

    def _process_events(self, event_list: Any) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """There are no threads."""


class LoopClock:
    """The time of the running loop, as a Clock."""

    def now(self) -> float:
        """Unix seconds."""
        return EPOCH + self.monotonic()

    def monotonic(self) -> float:
        """Seconds of the loop."""
        return asyncio.get_running_loop().time()


def run(main: Callable[[], Coroutine[Any, Any, T]], *, limit: float | None = None) -> T:
    """Run in virtual time to the end, and end every task that is left.

    Raises:
        OutOfTime: that took more than `limit` real seconds.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(limit=limit)) as runner:
        return runner.run(main())


async def settle(*, seconds: float) -> None:
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


async def at_times(times: list[float], act: Callable[[int], Awaitable[T]]) -> list[T]:
    """Do `act(number)` at each of these seconds from now, however long the others take."""
    started = asyncio.get_running_loop().time()

    async def one(number: int, when: float) -> T:
        await asyncio.sleep(started + when - asyncio.get_running_loop().time())
        return await act(number)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number, when)) for number, when in enumerate(times)]
    return [task.result() for task in tasks]
