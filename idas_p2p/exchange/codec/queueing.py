"""Jobs that wait for lanes, in order, and the futures of their outcomes.

Law: a job is begun once, or again when its worker died; one that nobody waits for any more is left out.
Belongs here: order, shares, measured speed. Not here: who does the work (workshop.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from idas_p2p.errors import IdasError, NodeStopping
from idas_p2p.exchange.codec.jobs import Encode, Job, Outcome

BATCH_SIZE: Final = 1_048_576  # bytes of pieces handed over at once; ours: small ones share the cost

Batch = list[tuple[Any, asyncio.Future[Any]]]


class Queue:
    """Jobs that wait for the lanes of one kind."""

    def __init__(self, *, lanes: int, speed: float) -> None:
        self.lanes, self.speed = lanes, speed  # bytes/s of one lane
        self.running = 0  # lanes at work
        self.waiting = 0  # bytes of pieces not done
        self._jobs = deque[tuple[Any, asyncio.Future[Any]]]()
        self._queued = 0  # bytes of pieces not begun
        self._idle = deque[asyncio.Future[None]]()

    def put(self, job: Job, future: asyncio.Future[Any]) -> None:
        """Let a job wait."""
        self._jobs.append((job, future))
        self._queued += job.size
        self.waiting += job.size
        future.add_done_callback(lambda _: self._done(job.size))
        while self._idle:
            waker = self._idle.popleft()
            if not waker.done():
                waker.set_result(None)
                break

    def _done(self, size: int) -> None:
        self.waiting -= size

    def put_back(self, batch: Batch) -> None:
        """Let jobs that were begun wait again."""
        self._jobs.extendleft(reversed(batch))
        self._queued += sum(job.size for job, _ in batch)

    def take(self) -> Batch:
        """This lane's share of what waits, up to BATCH_SIZE; what nobody waits for any more is left out."""
        share, batch, size = min(BATCH_SIZE, self._queued / self.lanes), Batch(), 0
        while self._jobs and (not batch or size + self._jobs[0][0].size <= share):
            job, future = self._jobs.popleft()
            self._queued -= job.size
            if not future.done():
                batch.append((job, future))
                size += job.size
        return batch

    async def wait(self, timeout: float) -> Batch:
        """The same when there is something; none after `timeout` seconds."""
        waker = asyncio.get_running_loop().create_future()
        self._idle.append(waker)
        try:
            async with asyncio.timeout(timeout):
                await waker
        except TimeoutError:
            return Batch()
        finally:
            waker.cancel()
        return self.take() or await self.wait(timeout)

    def did(self, batch: Batch, seconds: float) -> None:
        """Learn how fast coding is; decoding is told apart by nobody who asks."""
        if (size := sum(job.size for job, _ in batch if isinstance(job, Encode))) and seconds > 0:
            weight = min(1.0, size / (2 * BATCH_SIZE))
            self.speed += weight * (size / seconds - self.speed)

    def give_up(self) -> None:
        """Nothing more is done."""
        for _, future in self._jobs:
            settle(future, NodeStopping())
        self._jobs.clear()


def settle_all(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """Give each job of a batch its outcome."""
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        settle(future, outcome)


def settle(future: asyncio.Future[Any], outcome: Outcome | IdasError) -> None:
    """Give a job its outcome, unless nobody waits for it any more."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
        future.exception()  # seen, also when nobody waits for it any more
    else:
        future.set_result(outcome)
