from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.errors import ArchiveFailed, Unreachable


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    made = Bridge(threads=2)
    yield made
    await made.close()


class Numbers:
    """A source of numbers that knows how far it was read and whether it was closed."""

    def __init__(self, count: int, *, ends_with: Exception | None = None) -> None:
        self.count, self.ends_with = count, ends_with
        self.read, self.closed = 0, asyncio.Event()

    async def source(self) -> AsyncIterator[int]:
        try:
            for number in range(self.count):
                self.read = number + 1
                yield number
            if self.ends_with:
                raise self.ends_with
        finally:
            self.closed.set()


async def test_iterate_gives_the_items_in_order(bridge: Bridge) -> None:
    assert await bridge.run(lambda: list(bridge.iterate(Numbers(100).source()))) == list(range(100))


async def test_closing_an_iterator_closes_its_source(bridge: Bridge) -> None:
    numbers = Numbers(1_000)

    def read_two() -> bool:
        with bridge.iterate(numbers.source()) as items:
            next(items), next(items)
        return numbers.closed.is_set()

    assert await bridge.run(read_two)


async def test_a_source_is_read_only_a_little_ahead(bridge: Bridge) -> None:
    numbers = Numbers(1_000)

    def read_five() -> int:
        with bridge.iterate(numbers.source(), ahead=2) as items:
            for _ in range(5):
                next(items)
        return numbers.read

    assert await bridge.run(read_five) <= 5 + 2


async def test_what_a_source_raises_reaches_the_thread(bridge: Bridge) -> None:
    numbers = Numbers(1, ends_with=ArchiveFailed("x"))
    with pytest.raises(ArchiveFailed):
        await bridge.run(lambda: list(bridge.iterate(numbers.source())))


async def test_a_source_that_timed_out_is_not_mistaken_for_a_late_item(bridge: Bridge) -> None:
    numbers = Numbers(0, ends_with=TimeoutError())
    with pytest.raises(Unreachable):
        await bridge.run(lambda: bridge.iterate(numbers.source()).get(5.0))


async def test_waiting_for_a_late_item_does_not_lose_it(bridge: Bridge) -> None:
    go = asyncio.Event()

    async def late() -> AsyncIterator[str]:
        await go.wait()
        yield "late"

    def read() -> str:
        with bridge.iterate(late()) as items:
            with pytest.raises(TimeoutError):
                items.get(0.01)
            bridge.tell(go.set)
            return items.get(5.0)

    assert await bridge.run(read) == "late"
