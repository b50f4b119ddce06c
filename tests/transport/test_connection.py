"""Frames over one TCP connection: what bounds them, what ends them."""

from __future__ import annotations

import asyncio

import pytest

from idas_p2p.errors import ChannelClosed, FrameTooLarge
from idas_p2p.transport.connection import BULK, Connection
from idas_p2p.transport.framing import frame_header
from tests.transport.pairs import raw_pair


async def test_a_frame_announced_too_large_is_refused_by_name_and_the_connection_is_cut() -> None:
    async with raw_pair(max_frame=100) as (one, other):
        one.write(bytes(101))
        with pytest.raises(FrameTooLarge):
            await other.receive()
        with pytest.raises(ChannelClosed):
            await one.receive()


async def test_a_connection_cut_within_a_frame_is_a_channel_closed() -> None:
    async with raw_pair() as (one, other):
        one._transport.write(frame_header(100) + b"only the beginning")
        one._transport.close()
        with pytest.raises(ChannelClosed, match="lost"):
            await other.receive()


async def test_whole_frames_are_still_taken_after_the_connection_was_lost() -> None:
    async with raw_pair() as (one, other):
        one.write(b"first")
        one.write(b"second")
        one._transport.close()
        await other._lost.wait()
        assert [await other.receive(), await other.receive()] == [b"first", b"second"]


async def test_a_close_ends_by_force_when_the_other_side_takes_nothing() -> None:
    async with raw_pair(max_frame=1_000_000) as (one, other):
        await fill(one)
        await one.close(timeout=0.01)
        assert one.is_closed
        other.abort()


async def test_a_close_waits_for_a_slow_side_as_long_as_it_takes_something() -> None:
    async with raw_pair(max_frame=100_000) as (one, other):
        frames = 400  # 40 MB: more than the kernel keeps
        for _ in range(frames):
            one.write(bytes(100_000))
        closing = asyncio.gather(one.close(timeout=0.2))
        for _ in range(frames):
            assert len(await other.receive()) == 100_000
            await asyncio.sleep(0.002)  # a slow side: 0.8 s in all
        await asyncio.gather(other.close(), closing)


async def test_a_cancelled_close_leaves_nothing_open() -> None:
    async with raw_pair(max_frame=1_000_000) as (one, other):
        await fill(one)
        closing = asyncio.gather(one.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await one._lost.wait()
        other.abort()


async def test_what_arrives_during_a_close_is_thrown_away_and_does_not_cut_it_short() -> None:
    async with raw_pair(max_frame=1_000_000) as (one, other):
        await fill(other)
        one.write(b"the last word")
        closing = asyncio.gather(one.close())
        assert await other.receive() == b"the last word"
        await closing


async def test_nothing_can_be_written_to_a_closed_connection() -> None:
    async with raw_pair() as (one, _other):
        await one.close()
        with pytest.raises(ChannelClosed):
            one.write(b"late")
        with pytest.raises(ChannelClosed):
            await one.writable()


async def test_bytes_are_counted_as_they_are_on_the_wire() -> None:
    async with raw_pair() as (one, other):
        one.write(bytes(10))
        await other.receive()
        assert one.bytes_sent == other.bytes_received == 14


async def fill(connection: Connection) -> None:
    """Write until nothing more goes on its way, because the other side does not receive."""
    for _ in range(100):
        if not connection._writable.is_set():
            await asyncio.sleep(0)
        connection.write(bytes(1_000_000))


async def test_the_line_is_looked_at_after_some_bytes_unless_the_kernel_shall_pace_alone() -> None:
    for is_paced in (True, False):
        async with raw_pair(max_frame=2 * BULK) as (one, other):
            one._is_paced = is_paced
            one.write(bytes(BULK))
            assert (one._looked_at > 0) is is_paced
            assert len(await other.receive()) == BULK
