from __future__ import annotations

import asyncio

import pytest

from idas_p2p.dicom.allowance import BURST, Allowance
from tests.directory.network import ManualClock


class Waits:
    """A sleep that takes no time but that of the clock."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.seconds = clock, list[float]()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.clock.advance(seconds)


async def test_what_comes_faster_than_allowed_waits_after_a_burst() -> None:
    clock = ManualClock()
    waits = Waits(clock)
    allowance = Allowance(bandwidth=1e6, clock=clock, sleep=waits)
    begin = clock.monotonic()
    for _ in range(10):
        await allowance.spend(500_000)
    assert clock.monotonic() - begin == pytest.approx(5.0 - BURST)
    clock.advance(60.0)
    waits.seconds.clear()
    await allowance.spend(1_000_000)
    assert waits.seconds == []  # a pause is not saved up, nor owed


async def test_without_a_limit_nobody_waits() -> None:
    clock = ManualClock()
    waits = Waits(clock)
    allowance = Allowance(clock=clock, sleep=waits)
    await allowance.spend(10**12)
    async with allowance.turn(), allowance.turn():
        assert waits.seconds == []


async def test_one_retrieval_too_many_waits_for_its_turn() -> None:
    allowance, order = Allowance(retrievals=1, clock=ManualClock()), list[str]()

    async def retrieve(name: str, gate: asyncio.Event) -> None:
        async with allowance.turn():
            order.append(f"{name} begins")
            await gate.wait()
            order.append(f"{name} ends")

    gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(retrieve("first", gate))
        group.create_task(retrieve("second", gate))
        group.create_task(asyncio.to_thread(lambda: None)).add_done_callback(lambda _: gate.set())
    assert order == ["first begins", "first ends", "second begins", "second ends"]
