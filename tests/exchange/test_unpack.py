"""Reading a link ahead: the order of the link, each chunk decoded, a bound, and errors in their place."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.errors import ChannelClosed, IdasError, WireError
from idas_p2p.exchange.codec.choice import Effort
from idas_p2p.exchange.coding import Encoder
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.exchange.unpack import WINDOW, Unpacker
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.fetching import Chunk, FetchStart, InstanceHead
from idas_p2p.wire.messages import encode_message
from tests.exchange.codec.images import smooth
from tests.exchange.ends import turns
from tests.exchange.test_outbox import Later

LAYOUT = PixelLayout(100, 16_000, rows=100, columns=80, bits_allocated=16)


def head(series: str = "1", start: int = 0) -> InstanceHead:
    names = {"sop_class_uid": "1", "sop_instance_uid": "1", "transfer_syntax_uid": "1"}
    return InstanceHead(series_uid=series, **names, size=16_104, digest=bytes(32), start=start)


def data(number: int) -> bytes:
    return b"head of instance %4d" % number + b"h" * 80 + smooth(100, 80, seed=number) + b"tail"


def series(count: int, effort: Effort = Effort.DENSE) -> list[Any]:
    """The messages of so many instances of one series."""
    encoder, messages = Encoder(), list[Any]()
    for number in range(count):
        chunks = encoder.chunks("1", MemoryBlob(data(number)), LAYOUT, packed=False, effort=effort)
        messages += [head(), *chunks]
    return messages


class Link:
    """Gives messages, then an error."""

    def __init__(self, messages: list[Any], error: Exception | None = None) -> None:
        self._messages, self._error = messages, error or ChannelClosed()
        self.given = 0

    async def receive(self) -> bytes:
        await asyncio.sleep(0)
        if self.given == len(self._messages):
            raise self._error
        self.given += 1
        message = self._messages[self.given - 1]
        return message if isinstance(message, bytes) else encode_message(message)


async def unpacked(link: Link, coders: Any = None) -> tuple[list[Any], bytes, Exception]:
    messages, pieces = list[Any](), b""
    try:
        async for message, piece in Unpacker(coders).messages(link.receive):
            messages.append(message)
            pieces += piece
    except IdasError as error:
        return messages, pieces, error
    raise AssertionError("a link ends with an error")


@pytest.mark.parametrize("effort", Effort)
async def test_messages_come_in_order_with_their_bytes(effort: Effort) -> None:
    sent = [FetchStart(total=3), *series(3, effort), FetchStart(total=4)]
    messages, pieces, error = await unpacked(Link(sent))
    assert messages == sent
    assert pieces == data(0) + data(1) + data(2)
    assert isinstance(error, ChannelClosed)


async def test_order_is_that_of_the_link_whatever_is_decoded_first() -> None:
    sent, coders = series(4), Later()

    async def finish() -> None:
        while True:
            coders.finish()
            await turns(20)

    finishing = asyncio.ensure_future(finish())  # noqa: TID251
    try:
        messages, pieces, _ = await unpacked(Link(sent), coders)
    finally:
        finishing.cancel()
    assert messages == sent
    assert pieces == b"".join(map(data, range(4)))


async def test_no_more_is_read_ahead_than_the_window_and_one_message() -> None:
    chunk = Chunk(coding=0, size=CHUNK_SIZE, data=bytes(CHUNK_SIZE))
    link = Link([head(), *[chunk] * 40])
    async with aclosing(Unpacker().messages(link.receive)) as messages:
        await anext(messages)
        await turns(300)
        assert link.given <= WINDOW // CHUNK_SIZE + 2
        for _ in range(40):
            await anext(messages)
    assert link.given == 41


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"nonsense", id="no message"),
        pytest.param(Chunk(coding=0, size=5, data=b"four"), id="another size"),
        pytest.param(Chunk(coding=4, size=16_000, data=b"nonsense"), id="no stream"),
        pytest.param(Chunk(coding=77, size=4, data=b"four"), id="unknown coding"),
        pytest.param(Chunk(coding=0, size=CHUNK_SIZE + 1, data=bytes(CHUNK_SIZE + 1)), id="too large"),
    ],
)
async def test_what_came_before_something_wrong_comes_first(bad: Any) -> None:
    sent = series(1)
    messages, pieces, error = await unpacked(Link([*sent[:3], bad, *sent[3:]]))
    assert messages == sent[:3]
    assert pieces == data(0)[: sum(message.size for message in sent[1:3])]
    assert isinstance(error, WireError)


async def test_a_chunk_of_no_instance_is_refused() -> None:
    _, _, error = await unpacked(Link([Chunk(coding=0, size=4, data=b"four")]))
    assert isinstance(error, WireError)


async def test_an_instance_that_goes_on_in_the_middle_gives_no_dictionary() -> None:
    first, second = series(2)[1], series(2)[5]
    assert second.coding == 2
    _, _, error = await unpacked(Link([head(start=7), first, head(), second]))
    assert "first head of its series" in str(error)


async def test_a_reader_that_leaves_gives_up_what_is_being_decoded() -> None:
    coders, link = Later(), Link([head(start=1), *[Chunk(coding=0, size=4, data=b"four")] * 9])
    async with aclosing(Unpacker(coders).messages(link.receive)) as messages:
        await anext(messages)
        await turns()
    assert len(coders.begun) == 9
    assert all(future.cancelled() for _, future in coders.begun)
