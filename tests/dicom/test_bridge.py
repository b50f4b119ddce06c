from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.errors import ArchiveFailed, Busy, NodeStopping


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    made = Bridge(threads=2)
    yield made
    await made.close()


async def _nothing() -> AsyncIterator[int]:
    return
    yield 0


async def test_run_gives_the_result_of_another_thread(bridge: Bridge) -> None:
    assert await bridge.run(threading.get_ident) != threading.get_ident()


async def test_call_runs_a_coroutine_on_the_loop(bridge: Bridge) -> None:
    async def where() -> int:
        return threading.get_ident()

    assert await bridge.run(lambda: bridge.call(where())) == threading.get_ident()


async def test_a_call_that_takes_too_long_is_cancelled(bridge: Bridge) -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        await bridge.run(lambda: bridge.call(wait(), timeout=0.01))
    await cancelled.wait()


async def test_a_thread_that_waits_for_the_loop_wakes_when_the_bridge_closes(bridge: Bridge) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = bridge.begin(lambda: bridge.call(wait()))
    await begun.wait()
    await bridge.close()
    with pytest.raises(NodeStopping):
        await waiting


async def test_a_closed_bridge_refuses_work(bridge: Bridge) -> None:
    await bridge.close()
    with pytest.raises(NodeStopping):
        await bridge.run(int)
    with pytest.raises(NodeStopping):
        bridge.call(asyncio.sleep(0))
    with pytest.raises(NodeStopping):
        bridge.iterate(_nothing()).get()


async def test_stream_yields_what_a_blocking_generator_yields(bridge: Bridge) -> None:
    assert [item async for item in bridge.stream(lambda: iter(range(500)), maxsize=3)] == list(range(500))


async def test_a_stream_holds_no_more_than_its_bound(bridge: Bridge) -> None:
    made: list[int] = []

    def make() -> Iterator[int]:
        for number in range(1_000):
            made.append(number)
            yield number

    stream = bridge.stream(make, maxsize=3)
    assert [await anext(stream) for _ in range(10)] == list(range(10))
    assert len(made) <= 10 + 3 + 1
    await stream.aclose()  # type: ignore[attr-defined]


async def test_leaving_a_stream_closes_its_generator_in_its_thread(bridge: Bridge) -> None:
    closed_in: list[str] = []

    def make() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed_in.append(threading.current_thread().name)

    stream = bridge.stream(make, maxsize=1)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert closed_in[0].startswith("dicom-stream")


async def test_what_a_generator_raises_reaches_the_reader(bridge: Bridge) -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ArchiveFailed("x")

    stream = bridge.stream(make, maxsize=1)
    assert await anext(stream) == 1
    with pytest.raises(ArchiveFailed):
        await anext(stream)


async def test_more_streams_than_threads_are_refused_instead_of_waiting_for_each_other(bridge: Bridge) -> None:
    streams = [bridge.stream(lambda: iter([1, 2, 3]), maxsize=1) for _ in range(3)]
    assert [await anext(stream) for stream in streams[:2]] == [1, 1]
    with pytest.raises(Busy):
        await anext(streams[2])
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]
    assert [item async for item in bridge.stream(lambda: iter([4]), maxsize=1)] == [4]
