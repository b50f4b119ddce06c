"""A stream as an asyncio transport: the same promises as over TCP, without a network."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from idas_p2p.errors import ChannelClosed
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.flow import END, WINDOW
from idas_p2p.transport.flowing import SAY_AHEAD, FlowTransport
from idas_p2p.wire.address import Address

LARGE = 300_000
FAR = Address("192.0.2.1", 9)


class Ends:
    """Two ends and the messages between them, which travel when told to."""

    def __init__(self) -> None:
        self.ways: list[deque[bytes]] = [deque(), deque()]
        self.transports = [self._end(0), self._end(1)]
        self.connections = [Connection(max_frame=LARGE, is_paced=False) for _ in self.transports]
        for transport, connection in zip(self.transports, self.connections, strict=True):
            transport.begin(connection)

    def _end(self, side: int) -> FlowTransport:
        way = self.ways[side]
        return FlowTransport(way.append, lambda: sum(map(len, way)), remote=FAR, round_trip=lambda: 0.04)

    async def carry(self) -> None:
        """Bring every message across, until none is left."""
        for _ in range(3):
            while any(self.ways):
                for side, way in enumerate(self.ways):
                    if way:
                        self.transports[1 - side].hear(way.popleft())
                        self.transports[side].pump()
            await asyncio.sleep(0)


async def test_frames_cross_whole_and_in_order_and_the_path_is_known() -> None:
    ends = Ends()
    one, other = ends.connections
    frames = [b"", b"x", bytes(LARGE), b"y"]
    for frame in frames:
        one.write(frame)
    carrying = asyncio.gather(ends.carry())
    assert [await other.receive() for _ in frames] == frames
    await carrying
    assert (one.remote, one.round_trip) == (FAR, 0.04)


async def test_memory_is_bounded_on_both_sides_while_nobody_reads() -> None:
    ends = Ends()
    one, other = ends.connections
    sent = 0
    while True:
        try:
            async with asyncio.timeout(0):
                await one.writable()
        except TimeoutError:
            break
        one.write(bytes(LARGE))
        sent += 1
        await ends.carry()
    held = ends.transports[1]._flow.untaken
    assert held <= WINDOW
    assert sent * LARGE <= 4 * WINDOW
    assert sum(map(len, ends.ways[0])) <= SAY_AHEAD + 16_384
    for _ in range(sent):
        assert len(await other.receive()) == LARGE
        await ends.carry()
    async with asyncio.timeout(1):
        await one.writable()


async def test_a_close_ends_both_sides_after_everything_was_said() -> None:
    ends = Ends()
    one, other = ends.connections
    one.write(b"last")
    closing = asyncio.gather(one.close())
    await asyncio.sleep(0)
    await ends.carry()
    assert await other.receive() == b"last"
    with pytest.raises(ChannelClosed):
        await other.receive()
    async with asyncio.timeout(1):
        await closing
    assert [end.is_over and end.is_orderly for end in ends.transports] == [True, True]


async def test_one_direction_may_end_before_the_other() -> None:
    ends = Ends()
    one, other = ends.connections
    ends.transports[0].write_eof()
    other.write(b"answer")
    ends.ways[0].clear()  # the end is on its way
    await ends.carry()
    assert await one.receive() == b"answer"
    ends.transports[1].hear(bytes((END,)))
    await ends.carry()
    assert ends.transports[1].is_over
    assert ends.transports[0].is_over


async def test_what_comes_before_anybody_reads_is_kept() -> None:
    said: list[bytes] = []
    one = FlowTransport(said.append, lambda: 0, remote=FAR)
    speaker = Ends()
    speaker.connections[0].write(b"early")
    for message in speaker.ways[0]:
        one.hear(message)
    connection = Connection(max_frame=LARGE, is_paced=False)
    one.begin(connection)
    assert await connection.receive() == b"early"
    connection.abort()


@pytest.mark.parametrize("message", [b"", b"\x07", b"\x01short"])
async def test_a_message_against_the_rules_cuts_the_connection(message: bytes) -> None:
    ends = Ends()
    ends.transports[0].hear(message)
    with pytest.raises(ChannelClosed):
        await ends.connections[0].receive()
    assert not ends.transports[0].is_orderly
    ends.connections[1].abort()
