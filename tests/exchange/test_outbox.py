"""The sending end: order whatever coding takes, a bound on what is on its way, failures told to who puts something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from idas_p2p.blob import FileBlob, MemoryBlob
from idas_p2p.clock import SystemClock
from idas_p2p.errors import ChannelClosed
from idas_p2p.exchange.codec.choice import SLOW_LINE, Lanes
from idas_p2p.exchange.codec.coders import InPlace
from idas_p2p.exchange.codec.jobs import Job, perform_all
from idas_p2p.exchange.coding import Coding, Decoder, cuts
from idas_p2p.exchange.digests import digests_of
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.exchange.outbox import AHEAD, LEAST_WINDOW, WINDOW, Outbox
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.fetching import Chunk, FetchStart
from tests.exchange.codec.images import smooth
from tests.exchange.ends import turns

LAYOUT = PixelLayout(100, 3 * 1_048_576, rows=1_024, columns=512, bits_allocated=16)
DATA = b"h" * 100 + smooth(3 * 1_024, 512) + b"tail"


class Later:
    """Coders that are done when they are told to, the last job first."""

    def __init__(self) -> None:
        self.begun = list[tuple[Job, asyncio.Future[Any]]]()
        self.warmed = 0
        self.light = Lanes(count=1, speed=1e9)
        self.heavy = Lanes(count=1, speed=1e9)

    def start(self, job: Job) -> asyncio.Future[Any]:
        self.begun.append((job, asyncio.get_running_loop().create_future()))
        return self.begun[-1][1]

    def warm(self) -> None:
        self.warmed += 1

    def finish(self) -> None:
        while self.begun:
            job, future = self.begun.pop()
            if not future.done():
                future.set_result(perform_all([job])[0])


class Clock(SystemClock):
    """Goes when it is told to."""

    moment = 0.0

    def monotonic(self) -> float:
        return self.moment


@dataclass(frozen=True)
class Look:
    """What a kernel says of a line that is always full."""

    arriving: float
    round_trip: float = 0.0
    is_full: bool = True
    held: float = 0.0


class Sent:
    """What was sent."""

    def __init__(self, fails_after: int = 1_000) -> None:
        self.messages = list[Any]()
        self.open = asyncio.Event()
        self.open.set()
        self._fails_after = fails_after

    async def __call__(self, message: Any) -> None:
        await self.open.wait()
        if len(self.messages) >= self._fails_after:
            raise ChannelClosed
        self.messages.append(message)

    @property
    def chunks(self) -> list[Chunk]:
        return [message for message in self.messages if isinstance(message, Chunk)]


def outbox(sent: Sent, coders: Any = None, *, is_near: Callable[[], bool] = lambda: False) -> Outbox:
    return Outbox(sent, coders or InPlace(), clock=SystemClock(), line=lambda: None, is_near=is_near)


async def put(box: Outbox, data: bytes = DATA, layout: PixelLayout | None = LAYOUT, *, packed: bool = False) -> None:
    blob = MemoryBlob(data)
    digests = await digests_of(blob, cuts(blob.size, layout))
    await box.put_data("1", blob, layout, packed=packed, prefixes=digests.prefixes)


async def put_while_coding(box: Outbox, coders: Later) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(put(box))
        while not task.done():
            coders.finish()
            await turns(5)
    coders.finish()
    await box.settle()


def decoded(chunks: list[Chunk]) -> bytes:
    decoder = Decoder()
    return b"".join(decoder.decode("1", chunk, first=number == 0) for number, chunk in enumerate(chunks))


async def test_what_is_put_first_leaves_first_whatever_is_coded_first() -> None:
    sent, coders = Sent(), Later()
    async with outbox(sent, coders) as box:
        await box.put(FetchStart(total=1))
        await put(box)
        await box.put(FetchStart(total=2))
        await turns()
        assert sent.messages == [FetchStart(total=1)]
        coders.finish()
        await box.settle()
    assert sent.messages[-1] == FetchStart(total=2)
    assert decoded(sent.chunks) == DATA


async def test_each_chunk_carries_the_digest_of_all_up_to_its_end() -> None:
    sent = Sent()
    async with outbox(sent) as box:
        await put(box)
        await box.settle()
    digests = await digests_of(MemoryBlob(DATA), cuts(len(DATA), LAYOUT))
    assert [chunk.digest for chunk in sent.chunks] == list(digests.prefixes.values())


async def test_no_more_is_on_its_way_than_the_window_and_one_piece() -> None:
    sent, coders = Sent(), Later()
    data = b"h" * 100 + bytes(20 * CHUNK_SIZE)
    async with outbox(sent, coders) as box, asyncio.TaskGroup() as group:
        task = group.create_task(put(box, data, None))
        await turns(200)
        assert not task.done()
        assert sum(job.size for job, _ in coders.begun) <= WINDOW + CHUNK_SIZE
        while not task.done():
            coders.finish()
            await turns(5)
        coders.finish()
        await box.settle()
    assert decoded(sent.chunks) == data


@pytest.mark.parametrize(("arriving", "window"), [(1e6, LEAST_WINDOW), (1e7, AHEAD * 1e7), (1e9, WINDOW)])
async def test_no_more_waits_for_a_line_than_it_takes_in_half_a_second(arriving: float, window: float) -> None:
    sent, coders = Sent(), Later()
    data = b"h" * 100 + bytes(20 * CHUNK_SIZE)
    box = Outbox(sent, coders, clock=SystemClock(), line=lambda: Look(arriving), is_near=lambda: False)
    async with box, asyncio.TaskGroup() as group:
        await box.put(FetchStart(total=1))
        await box.settle()
        task = group.create_task(put(box, data, None))
        await turns(200)
        assert window - CHUNK_SIZE <= sum(job.size for job, _ in coders.begun) <= window + CHUNK_SIZE
        task.cancel()


async def test_pieces_that_are_done_and_sent_at_the_same_moment_are_counted_once() -> None:
    sent, coders = Sent(), Later()
    data = b"h" * 100 + bytes(20 * CHUNK_SIZE)
    async with outbox(sent, coders) as box, asyncio.TaskGroup() as group:
        sent.open.clear()
        await box.put(FetchStart(total=1))
        await put(box, b"h" * 100 + bytes(6 * CHUNK_SIZE), None)
        await turns()
        sent.open.set()
        coders.finish()
        await box.settle()
        task = group.create_task(put(box, data, None))
        await turns(200)
        assert sum(job.size for job, _ in coders.begun) <= WINDOW + CHUNK_SIZE
        task.cancel()


async def test_near_by_everything_goes_as_it_is() -> None:
    sent = Sent()
    async with outbox(sent, is_near=lambda: True) as box:
        await put(box)
        await box.settle()
    assert {chunk.coding for chunk in sent.chunks} == {Coding.RAW}


async def test_a_link_that_was_near_is_until_the_line_is_slow() -> None:
    clock, is_near, sent = Clock(), [True], Sent()

    async def send(message: Any) -> None:
        clock.moment += seconds
        await sent(message)

    async def codings() -> set[int]:
        sent.messages.clear()
        await put(box)
        await box.settle()
        return {chunk.coding for chunk in sent.chunks}

    async with Outbox(send, InPlace(), clock=clock, line=lambda: None, is_near=lambda: is_near[0]) as box:
        seconds = CHUNK_SIZE / SLOW_LINE / 2
        assert await codings() == {Coding.RAW}
        is_near[0] = False
        assert await codings() == {Coding.RAW}
        seconds = 2 * CHUNK_SIZE / SLOW_LINE
        for _ in range(5):
            await codings()
        assert await codings() != {Coding.RAW}


async def test_what_is_packed_already_goes_as_it_is_but_for_its_head() -> None:
    sent = Sent()
    async with outbox(sent) as box:
        await put(box, bytes(3 * CHUNK_SIZE), None, packed=True)
        await box.settle()
    assert [chunk.coding for chunk in sent.chunks] == [Coding.ZSTD, Coding.RAW, Coding.RAW]


async def test_workers_are_started_when_they_would_pay_and_not_waited_for() -> None:
    sent, coders, clock = Sent(), Later(), Clock()
    coders.heavy = Lanes(count=2, speed=40e6, delay=0.25)
    async with Outbox(sent, coders, clock=clock, line=lambda: Look(2e6), is_near=lambda: False) as box:
        for number in range(6):
            clock.moment = number
            await box.put(FetchStart(total=1))
            await box.settle()
        assert not coders.warmed
        sent.messages.clear()
        await put_while_coding(box, coders)
    assert coders.warmed > 0
    assert {chunk.coding for chunk in sent.chunks[1:4]} == {Coding.DIFFERENCES}


async def test_no_worker_is_started_for_a_line_that_is_not_known_to_be_slow() -> None:
    sent, coders = Sent(), Later()
    coders.heavy = Lanes(count=2, speed=40e6, delay=0.25)
    async with outbox(sent, coders) as box:
        await put(box)
        coders.finish()
        await box.settle()
    assert not coders.warmed


async def test_a_failure_to_send_is_told_to_whoever_puts_something_next() -> None:
    sent = Sent(fails_after=2)
    async with outbox(sent) as box:
        for number in range(4):
            await box.put(FetchStart(total=number))
        await box.settle()
        assert isinstance(box.error, ChannelClosed)
        with pytest.raises(ChannelClosed):
            await box.put(FetchStart(total=9))
        with pytest.raises(ChannelClosed):
            await put(box)
    assert len(sent.messages) == 2


async def test_a_failure_is_told_to_who_waits_for_room() -> None:
    sent = Sent(fails_after=0)
    sent.open.clear()
    async with outbox(sent) as box:
        asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(sent.open.set))
        with pytest.raises(ChannelClosed):
            await put(box, bytes(20 * CHUNK_SIZE), None, packed=True)


async def test_what_was_put_before_a_data_set_became_unreadable_is_sent(tmp_path: Any) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(CHUNK_SIZE + 7))
    sent = Sent()
    async with outbox(sent) as box:
        blob = FileBlob(path, 0, 3 * CHUNK_SIZE)
        with pytest.raises(OSError, match="ended early"):
            await box.put_data("1", blob, None, packed=True, prefixes={CHUNK_SIZE: bytes(16)})
        await box.settle()
    assert [chunk.size for chunk in sent.chunks] == [CHUNK_SIZE]


async def test_leaving_early_gives_up_what_is_being_coded() -> None:
    sent, coders = Sent(), Later()
    async with outbox(sent, coders) as box:
        await put(box)
    assert all(future.cancelled() for _, future in coders.begun)
