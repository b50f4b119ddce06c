"""Where pieces are coded and decoded: threads for light work, worker processes for JPEG-LS, nothing on the event loop.

Law: jobs are begun in order and every one has an outcome; a worker that dies costs the one piece that kills it; memory
is bounded by those who bring jobs (outbox.py, unpack.py). Workers start when warmed or needed, and end when idle.
Belongs here: lanes, their speed. Not here: a worker's socket (processes.py), the work itself (jobs.py).
Source: docs/decisions/worker-processes.md.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from idas_p2p.clock import Clock
from idas_p2p.errors import Busy, IdasError, WireError
from idas_p2p.events import log_event
from idas_p2p.exchange.codec.choice import Lanes
from idas_p2p.exchange.codec.jobs import Encode, Job, perform_all
from idas_p2p.exchange.codec.pieces import LIGHT
from idas_p2p.exchange.codec.processes import Worker, WorkerDied, start_worker
from idas_p2p.exchange.codec.queueing import Batch, Queue, settle, settle_all
from idas_p2p.tasks import TaskOwner

MAX_WORKERS: Final = 4  # processes; ours: 35 MB each
IN_PLACE_SIZE: Final = 16_384  # bytes; ours: lighter work than handing it over and back, about 50 microseconds
IDLE_TIMEOUT: Final = 60.0  # seconds until a worker without work ends; ours
START_SECONDS: Final = 0.25  # until a started worker works; measured
BROKEN_PAUSE: Final = 60.0  # seconds without processes after one could not be started; ours

Run = Callable[..., Awaitable[Any]]
"""Runs a function with its arguments in a thread."""


class StartsWorkers(Protocol):
    """Starts a worker process; OSError when it cannot."""

    def __call__(self) -> Worker:
        """Blocks for some milliseconds."""
        ...


class Workshop:
    """The lanes of one node; all its transfers share them.

    Args:
        run: runs a function in a thread.
        clock: the time.
        cores: of this machine; so many threads, and workers on all but one, up to MAX_WORKERS.
        start: starts a worker.
    """

    def __init__(
        self, run: Run, *, clock: Clock, cores: int | None = None, start: StartsWorkers = start_worker
    ) -> None:
        cores = cores or len(os.sched_getaffinity(0))
        self._run, self._clock, self._start = run, clock, start
        self._light = Queue(lanes=cores, speed=200e6)  # speeds in bytes/s of a lane, until measured
        self._heavy = Queue(lanes=max(1, min(cores - 1, MAX_WORKERS)), speed=40e6)
        self._workers = set[Worker]()
        self._broken_until = float("-inf")
        self._closed = False
        self._tasks = TaskOwner(limit=cores + MAX_WORKERS)

    @property
    def workers(self) -> frozenset[int]:
        """The process numbers of the workers."""
        return frozenset(worker.pid for worker in self._workers)

    @property
    def light(self) -> Lanes:
        """How fast light work is done."""
        return Lanes(count=self._light.lanes, speed=self._light.speed, waiting=self._light.waiting)

    @property
    def heavy(self) -> Lanes:
        """How fast heavy work is done; no lane at all while no process can be started."""
        if self._clock.monotonic() < self._broken_until:
            return Lanes(count=0, speed=self._heavy.speed, waiting=0)
        delay = 0.0 if self._workers else START_SECONDS
        return Lanes(count=self._heavy.lanes, speed=self._heavy.speed, waiting=self._heavy.waiting, delay=delay)

    def warm(self) -> None:
        """Start the workers, if none run: heavy work will come."""
        while self._heavy.running < self._heavy.lanes and self._clock.monotonic() >= self._broken_until:
            self._begin(self._heavy, self._work_heavily)

    def start(self, job: Job) -> asyncio.Future[Any]:
        """As Coders.start."""
        future = asyncio.get_running_loop().create_future()
        if job.is_done or (not job.is_heavy and job.size <= IN_PLACE_SIZE):
            settle(future, perform_all([job])[0])
            return future
        queue, work = (self._heavy, self._work_heavily) if job.is_heavy else (self._light, self._work_lightly)
        queue.put(job, future)
        if queue.running < queue.lanes:
            self._begin(queue, work)
        return future

    async def close(self) -> None:
        """End all work and every worker."""
        self._closed = True
        await self._tasks.stop()
        for queue in (self._light, self._heavy):
            queue.give_up()
        for worker in list(self._workers):
            self._end(worker)

    def _begin(self, queue: Queue, work: Callable[[], Any]) -> None:
        queue.running += 1
        self._tasks.start("coding", work())

    async def _work_lightly(self) -> None:
        """One thread's share of the light jobs, until there are none."""
        try:
            while batch := self._light.take():
                begun = self._clock.monotonic()
                outcomes = await self._run(perform_all, [job for job, _ in batch])
                self._light.did(batch, self._clock.monotonic() - begun)
                settle_all(batch, outcomes)
        finally:
            self._light.running -= 1

    async def _work_heavily(self) -> None:
        """One worker's share of the heavy jobs, until it was idle for long."""
        worker: Worker | None = None
        try:
            worker = await self._new_worker()
            while batch := self._heavy.take() or await self._heavy.wait(IDLE_TIMEOUT):
                worker = await self._do(batch, worker)
                if worker is None and not self._heavy.waiting:
                    return
        finally:
            self._heavy.running -= 1
            if worker is not None:
                self._end(worker)

    async def _do(self, batch: Batch, worker: Worker | None) -> Worker | None:
        """Have a batch done; the worker to go on with."""
        if worker is None:
            for one in batch:
                self._do_without(one, Busy("no process can be started to decode images"))
            return None
        begun, jobs = self._clock.monotonic(), [job for job, _ in batch]
        try:
            outcomes = await worker.perform(jobs)
        except WorkerDied:
            log_event("coding_worker_died", count=len(batch))
            self._end(worker)
            if len(batch) == 1:
                self._do_without(batch[0], WireError("a chunk cannot be decoded: no process survives it"))
                return await self._new_worker()
            worker = await self._new_worker()
            for one in batch:  # again, each alone: one of them was the cause
                worker = await self._do([one], worker)
            return worker
        except BaseException:
            self._heavy.put_back(batch)
            raise
        self._heavy.did(batch, self._clock.monotonic() - begun)
        settle_all(batch, outcomes)
        return worker

    def _do_without(self, one: tuple[Job, asyncio.Future[Any]], reason: IdasError) -> None:
        """No worker does it: what was to be coded is coded lightly, what was to be decoded is not."""
        job, future = one
        if isinstance(job, Encode):
            self._light.put(Encode(job.piece, job.grid, LIGHT), future)
            if self._light.running < self._light.lanes:
                self._begin(self._light, self._work_lightly)
        else:
            settle(future, reason)

    async def _new_worker(self) -> Worker | None:
        if self._clock.monotonic() < self._broken_until:
            return None
        try:
            worker: Worker = await self._run(self._start_worker)
        except OSError as error:
            log_event("coding_worker_not_started", reason=error.strerror or "")
            self._broken_until = self._clock.monotonic() + BROKEN_PAUSE
            return None
        return worker

    def _start_worker(self) -> Worker:
        """In a thread, which nobody may wait for any more when the workshop has closed meanwhile."""
        worker = self._start()
        self._workers.add(worker)
        if self._closed:
            self._end(worker)
        return worker

    def _end(self, worker: Worker | None) -> None:
        if worker is not None:
            self._workers.discard(worker)
            worker.end()
