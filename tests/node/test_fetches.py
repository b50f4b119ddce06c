from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack

import pytest

from idas_p2p.errors import ArchiveFailed, Busy, LocalError, NodeStopping
from idas_p2p.node.fetches import MAX_AHEAD, MAX_FETCHES, Fetches, SharedFetch
from idas_p2p.wire.instance import RetrieveEvent, Total
from tests.node.nodes import until

KEY = b"study"


class Tap:
    """A source that gives what it is told to, and says what became of it."""

    def __init__(self) -> None:
        self.items: asyncio.Queue[RetrieveEvent | Exception | None] = asyncio.Queue()
        self.started = self.taken = 0
        self.closed = self.let_go = False

    def give(self, *items: RetrieveEvent | Exception | None) -> None:
        for item in items:
            self.items.put_nowait(item)

    async def __call__(self, held: ExitStack) -> AsyncGenerator[RetrieveEvent, None]:
        self.started += 1
        held.callback(self._release)
        try:
            while (item := await self.items.get()) is not None:
                self.taken += 1
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed = True

    def _release(self) -> None:
        self.let_go = True


async def read(fetches: Fetches, tap: Tap, key: bytes = KEY) -> list[int]:
    return [event.count async for event in fetches.read(key, tap) if isinstance(event, Total)]


async def test_two_readers_share_one_fetch_and_each_sees_everything() -> None:
    fetches, tap = Fetches(), Tap()
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(read(fetches, tap)) for _ in range(2)]
        tap.give(Total(1), Total(2), None)
    assert [reader.result() for reader in readers] == [[1, 2], [1, 2]]
    assert tap.started == 1
    assert tap.let_go


async def test_a_reader_that_joins_late_begins_at_the_first_event() -> None:
    fetches, tap = Fetches(), Tap()
    first = fetches.read(KEY, tap)
    tap.give(Total(1), Total(2))
    assert await anext(first) == Total(1)
    assert await anext(first) == Total(2)
    late = fetches.read(KEY, tap)
    assert await anext(late) == Total(1)
    await first.aclose()
    assert not tap.let_go
    assert await anext(late) == Total(2)
    await late.aclose()
    await until(lambda: tap.closed and tap.let_go)


async def test_a_fetch_nobody_reads_is_stopped() -> None:
    fetches, tap = Fetches(), Tap()
    reader = fetches.read(KEY, tap)
    tap.give(Total(1))
    assert await anext(reader) == Total(1)
    await reader.aclose()
    await until(lambda: tap.closed)
    assert fetches.active() == 0


async def test_what_a_fetch_holds_is_kept_while_somebody_reads_it_even_after_its_end() -> None:
    fetches, slow, quick = Fetches(), Tap(), Tap()
    reader = fetches.read(KEY, slow)
    slow.give(Total(1), Total(2), None)
    assert await anext(reader) == Total(1)
    await until(lambda: fetches.active() == 0)
    quick.give(Total(7), None)
    assert await read(fetches, quick) == [7]
    assert quick.let_go
    assert not slow.let_go
    assert [event async for event in reader] == [Total(2)]
    assert slow.let_go


@pytest.mark.parametrize(("failure", "seen"), [(ArchiveFailed(), ArchiveFailed), (RuntimeError("bug"), LocalError)])
async def test_every_reader_sees_the_events_and_then_the_error(failure: Exception, seen: type[Exception]) -> None:
    fetches, tap = Fetches(), Tap()
    readers = [fetches.read(KEY, tap) for _ in range(2)]
    tap.give(Total(1))
    assert [await anext(reader) for reader in readers] == [Total(1)] * 2
    tap.give(failure)
    for reader in readers:
        with pytest.raises(seen):
            await anext(reader)
    assert tap.let_go


async def test_a_fetch_runs_only_so_far_ahead_of_its_fastest_reader() -> None:
    fetches, tap = Fetches(), Tap()
    reader = fetches.read(KEY, tap)
    tap.give(*[Total(1)] * (2 * MAX_AHEAD))
    await anext(reader)
    await until(lambda: tap.taken == MAX_AHEAD + 1)
    await anext(reader)
    await until(lambda: tap.taken == MAX_AHEAD + 2)
    await reader.aclose()


async def test_stopping_tells_the_readers_also_those_of_a_fetch_not_yet_begun() -> None:
    fetches, tap, never = Fetches(), Tap(), Tap()
    running = fetches.read(KEY, tap)
    tap.give(Total(1))
    await anext(running)
    shared = SharedFetch(never)
    shared.end(NodeStopping())
    await fetches.stop()
    with pytest.raises(NodeStopping):
        await anext(running)
    with pytest.raises(NodeStopping):
        await anext(shared.read())


async def test_too_many_fetches_are_refused_by_name() -> None:
    fetches, taps = Fetches(), [Tap() for _ in range(MAX_FETCHES)]
    readers = [fetches.read(bytes((number,)), tap) for number, tap in enumerate(taps)]
    for reader, tap in zip(readers, taps, strict=True):
        tap.give(Total(1))
        await anext(reader)
    with pytest.raises(Busy):
        await anext(fetches.read(b"one too many", Tap()))
    await fetches.stop()
    for reader in readers:
        await reader.aclose()
