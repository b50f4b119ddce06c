"""The lanes: every job has its outcome, in threads or in processes, whatever becomes of a worker."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.errors import Busy, NodeStopping, WireError
from idas_p2p.exchange.codec.coders import InPlace
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.jobs import Decode, Encode, perform_all
from idas_p2p.exchange.codec.pieces import LIGHT, Coded, Coding, Way
from idas_p2p.exchange.codec.processes import WorkerDied
from idas_p2p.exchange.codec.workshop import IN_PLACE_SIZE, Workshop
from tests.exchange.codec.images import smooth

GRID = Grid(columns=128, sample_size=2)
PIECE = smooth(128, 128)
HEAVY, LIGHTER = Encode(PIECE, GRID, (Way.PLANE,)), Encode(PIECE, GRID, LIGHT)
DENSE = perform_all([HEAVY])[0]
assert isinstance(DENSE, Coded)
DECODE = Decode(Coding.JPEG_LS, len(PIECE), DENSE.data)
POISON = Decode(Coding.JPEG_LS, 4, b"poison")


class Mortal:
    """A worker that does its work here, and dies of poison."""

    def __init__(self, number: int) -> None:
        self.pid, self.ended = number, False

    async def perform(self, jobs: list[Any]) -> list[Any]:
        await asyncio.sleep(0)
        if POISON in jobs:
            raise WorkerDied
        return perform_all(jobs)

    def end(self) -> None:
        self.ended = True


class Staff:
    """Starts mortal workers, as long as there is room."""

    def __init__(self, room: int = 1_000) -> None:
        self.started, self._room = list[Mortal](), room

    def __call__(self) -> Any:
        if len(self.started) >= self._room:
            raise OSError(11, "no room")
        self.started.append(Mortal(len(self.started) + 1))
        return self.started[-1]


@asynccontextmanager
async def workshop(**options: Any) -> AsyncIterator[Workshop]:
    made = Workshop(asyncio.to_thread, clock=SystemClock(), cores=3, **options)
    try:
        async with asyncio.timeout(50):
            yield made
    finally:
        await made.close()


async def test_heavy_jobs_are_done_by_processes_and_light_ones_by_threads() -> None:
    async with workshop() as made:
        futures = [made.start(job) for job in (HEAVY, LIGHTER, DECODE, HEAVY, LIGHTER)]
        outcomes = await asyncio.gather(*futures)
        assert len(made.workers) == 2
        assert os.getpid() not in made.workers
    assert outcomes == [*perform_all([HEAVY, LIGHTER]), PIECE, *perform_all([HEAVY, LIGHTER])]
    assert not made.workers


async def test_no_process_is_started_for_light_work() -> None:
    staff = Staff()
    async with workshop(start=staff) as made:
        await made.start(LIGHTER)
        assert made.heavy.delay > 0
    assert not staff.started


async def test_small_light_work_is_done_at_once() -> None:
    async with workshop() as made:
        assert made.start(Encode(PIECE[:IN_PLACE_SIZE], GRID, LIGHT)).done()
        assert not made.start(LIGHTER).done()


async def test_a_killed_worker_is_replaced_and_nothing_is_lost() -> None:
    async with workshop() as made:
        await made.start(HEAVY)
        for pid in made.workers:
            os.kill(pid, signal.SIGKILL)
        outcomes = await asyncio.gather(*(made.start(DECODE) for _ in range(9)))
    assert outcomes == [PIECE] * 9


async def test_a_chunk_that_kills_its_worker_costs_only_itself() -> None:
    staff = Staff()
    async with workshop(start=staff) as made:
        futures = [made.start(job) for job in (DECODE, POISON, HEAVY, DECODE)]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert [outcomes[0], outcomes[2], outcomes[3]] == [PIECE, DENSE, PIECE]
        assert isinstance(outcomes[1], WireError)
        assert "no process survives it" in str(outcomes[1])
    assert all(worker.ended for worker in staff.started)


async def test_where_no_process_can_be_started_pixels_are_coded_lightly() -> None:
    async with workshop(start=Staff(room=0)) as made:
        coded = await made.start(HEAVY)
        assert coded == perform_all([LIGHTER])[0]
        assert made.heavy.count == 0
        with pytest.raises(Busy):
            await made.start(DECODE)


async def test_what_is_malformed_is_told_to_who_brought_it() -> None:
    async with workshop() as made:
        with pytest.raises(WireError):
            await made.start(Decode(Coding.JPEG_LS, 5, b"nonsense"))
        with pytest.raises(WireError):
            await made.start(Decode(Coding.DIFFERENCES, 50_000, bytes(20_000)))


async def test_work_that_nobody_waits_for_is_left_out() -> None:
    async with workshop() as made:
        futures = [made.start(HEAVY) for _ in range(5)]
        for future in futures[1:]:
            future.cancel()
        assert await futures[0] == DENSE
        await asyncio.sleep(0)
        assert made.heavy.waiting == 0


async def test_speed_is_measured_while_coding() -> None:
    async with workshop(start=Staff()) as made:
        before = made.heavy.speed
        await asyncio.gather(*(made.start(HEAVY) for _ in range(8)))
        assert made.heavy.speed != before


async def test_closing_gives_up_what_was_not_begun() -> None:
    async with workshop() as made:
        futures = [made.start(HEAVY) for _ in range(40)]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {NodeStopping, Coded}
    assert isinstance(outcomes[-1], NodeStopping)


async def test_work_in_place_gives_the_same_outcomes() -> None:
    coders = InPlace()
    coders.warm()
    assert await coders.start(HEAVY) == DENSE
    assert await coders.start(DECODE) == PIECE
    assert coders.light.done(1_000) < 1
