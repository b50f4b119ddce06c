"""What every kind of channel must keep: one function, run over each of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from idas_p2p.errors import ChannelClosed, FrameTooLarge
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.transport.channel import Channel

MakePair = Callable[[], AbstractAsyncContextManager[tuple[Channel, Channel]]]

MAX_IN_FLIGHT = 32 * 1_048_576  # bytes; kernel buffers of both ends included
CHUNK = bytes(1_048_576)


async def check_channel(make_pair: MakePair) -> None:
    """Run every promise of Channel over fresh pairs; the failing promise is named in the traceback."""
    for promise in PROMISES:
        async with asyncio.timeout(20), make_pair() as (one, other):
            await promise(one, other)


async def messages_keep_their_order_and_bounds(one: Channel, other: Channel) -> None:
    messages = [b"", b"a", bytes(3), b"xyz" * 1_000, b"", bytes(range(256)) * 1_024, b"end"]
    for message in messages:
        await one.send(message)
    assert [await other.receive() for _ in messages] == messages


async def the_largest_message_passes_and_a_larger_one_is_refused_by_name(one: Channel, other: Channel) -> None:
    largest = b"\xa5" * MAX_MESSAGE_SIZE
    sending = asyncio.gather(one.send(largest))
    assert await other.receive() == largest
    await sending
    with pytest.raises(FrameTooLarge):
        await one.send(bytes(MAX_MESSAGE_SIZE + 1))
    await one.send(b"still here")
    assert await other.receive() == b"still here"


async def both_directions_carry_much_at_once(one: Channel, other: Channel) -> None:
    count = 16

    async def talk(channel: Channel) -> None:
        for _ in range(count):
            await channel.send(CHUNK)

    async def listen(channel: Channel) -> None:
        for _ in range(count):
            assert await channel.receive() == CHUNK

    await asyncio.gather(talk(one), talk(other), listen(one), listen(other))


async def a_sender_waits_for_a_slow_receiver(one: Channel, other: Channel) -> None:
    sender = asyncio.gather(send_for_ever(one))
    before = await settled(lambda: one.messages_sent)
    assert 0 < before * len(CHUNK) < MAX_IN_FLIGHT
    while one.messages_sent == before:
        assert await other.receive() == CHUNK
        await asyncio.sleep(0)
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)


async def a_close_delivers_what_was_sent_before(one: Channel, other: Channel) -> None:
    async def send_and_close() -> None:
        for number in range(20):
            await one.send(bytes([number]) * 100_000)
        await one.close()

    closing = asyncio.gather(send_and_close())
    assert [(await other.receive())[:1] for _ in range(20)] == [bytes([number]) for number in range(20)]
    for _ in range(2):
        with pytest.raises(ChannelClosed):
            await other.receive()
    await closing


async def a_close_ends_waiting_calls_on_both_sides(one: Channel, other: Channel) -> None:
    calls = [asyncio.gather(one.receive()), asyncio.gather(send_for_ever(one))]
    await settled(lambda: one.bytes_sent)
    await asyncio.gather(one.close(), other.close(), one.close())
    for call in calls:
        with pytest.raises(ChannelClosed):
            await call
    for channel in (one, other):
        with pytest.raises(ChannelClosed):
            await channel.send(b"")
        with pytest.raises(ChannelClosed):
            await channel.receive()
        await channel.close()


async def the_other_side_notices_a_close_while_it_waits(one: Channel, other: Channel) -> None:
    waiting = asyncio.gather(other.receive())
    await asyncio.sleep(0)
    await one.close()
    with pytest.raises(ChannelClosed):
        await waiting
    with pytest.raises(ChannelClosed):
        await send_for_ever(other)


async def a_cancelled_receive_takes_nothing(one: Channel, other: Channel) -> None:
    waiting = asyncio.gather(other.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await one.send(b"for the next")
    assert await other.receive() == b"for the next"


async def a_cancelled_send_leaves_whole_messages_only(one: Channel, other: Channel) -> None:
    sender = asyncio.gather(send_for_ever(one))
    await settled(lambda: one.messages_sent)
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)
    sent = one.messages_sent
    last = asyncio.gather(one.send(b"last"))
    for _ in range(sent):
        assert await other.receive() == CHUNK
    assert await other.receive() == b"last"
    await last


async def several_senders_share_a_channel(one: Channel, other: Channel) -> None:
    senders = asyncio.gather(*(one.send(bytes([n]) * 200_000) for n in range(40)))
    received = [await other.receive() for _ in range(40)]
    await senders
    assert sorted(received) == [bytes([n]) * 200_000 for n in range(40)]


async def counters_count(one: Channel, other: Channel) -> None:
    before = one.bytes_sent
    await one.send(bytes(1_000))
    assert await other.receive() == bytes(1_000)
    assert (one.messages_sent, other.messages_received) == (1, 1)
    assert 1_000 < one.bytes_sent - before < 1_100
    assert other.bytes_received == one.bytes_sent
    assert (one.messages_received, other.messages_sent) == (0, 0)


PROMISES: tuple[Callable[[Channel, Channel], Awaitable[None]], ...] = (
    messages_keep_their_order_and_bounds,
    the_largest_message_passes_and_a_larger_one_is_refused_by_name,
    both_directions_carry_much_at_once,
    a_sender_waits_for_a_slow_receiver,
    a_close_delivers_what_was_sent_before,
    a_close_ends_waiting_calls_on_both_sides,
    the_other_side_notices_a_close_while_it_waits,
    a_cancelled_receive_takes_nothing,
    a_cancelled_send_leaves_whole_messages_only,
    several_senders_share_a_channel,
    counters_count,
)


async def send_for_ever(channel: Channel) -> None:
    """Send CHUNK until cancelled or refused."""
    while True:
        await channel.send(CHUNK)


async def settled(value: Callable[[], int]) -> int:
    """Let the loop turn until `value` has not changed for many turns: nothing moves any more without us."""
    last, quiet = value(), 0
    while quiet < 500:
        await asyncio.sleep(0)
        now = value()
        last, quiet = (now, 0) if now != last else (now, quiet + 1)
    return last
