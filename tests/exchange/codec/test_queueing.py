"""Jobs wait in order, in shares for their lanes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from idas_p2p.errors import NodeStopping
from idas_p2p.exchange.codec.jobs import Encode
from idas_p2p.exchange.codec.queueing import BATCH_SIZE, Queue


def job(size: int) -> Encode:
    return Encode(bytes(size), None, ())


def put(queue: Queue, *sizes: int) -> list[asyncio.Future[Any]]:
    futures = [asyncio.get_running_loop().create_future() for _ in sizes]
    for size, future in zip(sizes, futures, strict=True):
        queue.put(job(size), future)
    return futures


def sizes(batch: list[Any]) -> list[int]:
    return [one.size for one, _ in batch]


async def test_lanes_share_what_waits() -> None:
    queue = Queue(lanes=2, speed=1.0)
    put(queue, *[100] * 8)
    assert [sizes(queue.take()) for _ in range(4)] == [[100] * 4, [100] * 2, [100], [100]]
    assert queue.take() == []


async def test_a_batch_has_a_bound_and_at_least_one_job() -> None:
    queue = Queue(lanes=1, speed=1.0)
    put(queue, BATCH_SIZE, BATCH_SIZE // 2, BATCH_SIZE // 2, 1)
    assert sizes(queue.take()) == [BATCH_SIZE]
    assert sizes(queue.take()) == [BATCH_SIZE // 2] * 2


async def test_what_nobody_waits_for_is_left_out_and_counts_no_more() -> None:
    queue = Queue(lanes=1, speed=1.0)
    futures = put(queue, 5, 6, 7)
    futures[1].cancel()
    await asyncio.sleep(0)
    assert queue.waiting == 12
    assert sizes(queue.take()) == [5, 7]


async def test_jobs_that_were_put_back_come_first_again() -> None:
    queue = Queue(lanes=1, speed=1.0)
    put(queue, 5, 6)
    batch = queue.take()
    put(queue, 7)
    queue.put_back(batch)
    assert sizes(queue.take()) == [5, 6, 7]


async def test_an_idle_lane_is_woken_by_a_job_or_by_the_end_of_its_time() -> None:
    queue = Queue(lanes=1, speed=1.0)
    assert await queue.wait(0.0) == []
    waiting = asyncio.ensure_future(queue.wait(60.0))  # noqa: TID251
    await asyncio.sleep(0)
    put(queue, 9)
    assert sizes(await waiting) == [9]


async def test_speed_follows_what_large_batches_took() -> None:
    queue = Queue(lanes=1, speed=1.0)
    put(queue, *[BATCH_SIZE] * 4)
    queue.did([(job(4 * BATCH_SIZE), asyncio.get_running_loop().create_future())], 2.0)
    assert queue.speed == 2 * BATCH_SIZE


async def test_what_is_given_up_says_so() -> None:
    queue = Queue(lanes=1, speed=1.0)
    (future,) = put(queue, 3)
    queue.give_up()
    with pytest.raises(NodeStopping):
        await future
