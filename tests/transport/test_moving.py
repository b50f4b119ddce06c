"""Going on over another connection: nothing lost, nothing twice, and nobody else's channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idas_p2p.errors import ChannelClosed, PeerUnreachable
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.moving import MAX_MOVES, MovingChannel
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from tests.transport.contract import send_for_ever, settled
from tests.transport.pairs import BOB, MALLORY, PSK, dial_bob, listening, movable_pair, move, until


def numbered(number: int) -> bytes:
    """A message that says which it is, of a size of its own."""
    return number.to_bytes(4, "big") + bytes(number * 7_919 % 60_000)


async def talk(channel: Channel, until_over: asyncio.Event) -> int:
    number = 0
    while not until_over.is_set():
        await channel.send(numbered(number))
        number += 1
    await channel.send(b"")
    return number


async def listen(channel: Channel) -> int:
    number = 0
    while message := await channel.receive():
        assert message == numbered(number)
        number += 1
    return number


async def take_all(channel: Channel) -> None:
    while True:
        await channel.receive()


async def test_a_channel_in_full_use_moves_again_and_again_and_every_message_comes_once_and_in_order() -> None:
    async with movable_pair() as (one, other, address):
        over = asyncio.Event()

        async def keep_moving() -> None:
            for _ in range(5):
                await move(one, address)
                await until(lambda: len(one._receiving) == 1)
            over.set()

        talking, listening = [talk(one, over), talk(other, over)], [listen(other), listen(one)]
        *counts, _ = await asyncio.gather(*talking, *listening, keep_moving())
        assert counts[:2] == counts[2:]
        assert one.bytes_sent == other.bytes_received  # on all its connections together: nothing went twice
        assert len(one._lanes) == 6


async def test_what_waits_on_the_old_connection_comes_before_what_is_sent_on_the_new_one() -> None:
    async with movable_pair() as (one, other, address):
        sending = asyncio.gather(send_for_ever(other))
        waiting = await settled(lambda: other.messages_sent)
        await move(one, address)
        for _ in range(waiting + 3):  # the sender waited for room on the old connection, and goes on with the new one
            assert await one.receive()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_the_path_and_the_far_end_are_those_of_the_connection_in_use() -> None:
    async with movable_pair() as (one, other, address):
        lane = await dial_bob(address, purpose=Purpose.MOVE)
        lane._path = "better"
        await one.move_to(lane)
        assert one.path == "better"
        assert one.purpose is other.purpose is Purpose.CONTROL


async def test_the_old_connection_is_ended_once_both_sides_have_read_it() -> None:
    async with movable_pair() as (one, other, address):
        old = one._lanes[0]
        await move(one, address)
        reading = asyncio.gather(other.receive(), one.receive())
        await asyncio.gather(one.send(b"a"), other.send(b"b"))
        assert await reading == [b"a", b"b"]
        async with asyncio.timeout(10):
            await old.wait_lost()


async def test_nobody_else_can_take_a_channel_over() -> None:
    async with movable_pair() as (one, other, address):
        lane = await dial(MALLORY, BOB.node_id, [address], purpose=Purpose.MOVE, psk=PSK, timeout=10.0)
        thief = MovingChannel(await dial_bob(address), is_ours=True)
        thief.name = one.name
        with pytest.raises(ChannelClosed):
            await thief.move_to(lane)
        await one.send(b"still here")
        assert await other.receive() == b"still here"
        await thief.close()


async def test_a_channel_nobody_knows_does_not_move_and_stays_as_it_was() -> None:
    async with movable_pair() as (one, other, address):
        name, one.name = one.name, bytes(32)
        with pytest.raises(ChannelClosed):
            await move(one, address)
        one.name = name
        await one.send(b"still here")
        assert await other.receive() == b"still here"
        await move(one, address)


async def test_a_channel_moves_so_many_times_and_no_more() -> None:
    async with movable_pair() as (one, other, address):
        for _ in range(MAX_MOVES):
            await move(one, address)
            await other.send(b"x")
            await one.receive()
        with pytest.raises(PeerUnreachable):
            await move(one, address)
        await one.send(b"still here")
        assert await other.receive() == b"still here"


async def test_a_cut_of_the_old_connection_before_all_of_it_was_read_is_a_cut_of_the_channel() -> None:
    async with movable_pair() as (one, other, address):
        sending = asyncio.gather(send_for_ever(other))
        await settled(lambda: other.messages_sent)
        await move(one, address)
        await one.receive()
        one._lanes[0].abort()
        with pytest.raises(ChannelClosed):
            await take_all(one)
        with pytest.raises(ChannelClosed):
            await sending
        assert one.is_over


async def test_a_channel_that_is_closed_while_it_moves_ends_on_both_sides() -> None:
    async with movable_pair() as (one, other, address):
        lane = await dial_bob(address, purpose=Purpose.MOVE)
        moving = asyncio.gather(one.move_to(lane), return_exceptions=True)
        await asyncio.gather(one.close(), other.close())
        await moving
        for channel in (one, other):
            with pytest.raises(ChannelClosed):
                await channel.receive()
        await lane.wait_lost()


async def test_a_dialer_that_says_nothing_on_its_new_connection_holds_nothing_up() -> None:
    async with movable_pair() as (one, other, address):
        lane = await dial_bob(address, purpose=Purpose.MOVE)
        lane.abort()
        await one.send(b"still here")
        assert await other.receive() == b"still here"


class Middle:
    """A relay between two ends, that can stop passing anything on without closing anything."""

    def __init__(self, delay: float) -> None:
        self.is_frozen = asyncio.Event()
        self._delay = delay  # seconds each way

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self.is_frozen.is_set():
                await asyncio.Event().wait()
            await asyncio.sleep(self._delay)
            writer.write(data)
        writer.close()


@asynccontextmanager
async def relayed(address: Address, *, port: int = 0, delay: float = 0.0) -> AsyncIterator[tuple[Middle, Address]]:
    """Something in the middle on the way to an address."""
    middle, tasks, writers = Middle(delay), list[asyncio.Task[None]](), list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(address.host, address.port)
        writers.extend((writer, far_writer))
        for one, other in ((reader, far_writer), (far_reader, writer)):
            tasks.append(asyncio.create_task(middle.pass_on(one, other)))  # noqa: TID251

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield middle, Address("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.close()
        await asyncio.gather(*tasks, *(writer.wait_closed() for writer in writers), return_exceptions=True)
        server.close()


@pytest.mark.slow
async def test_a_path_that_vanishes_before_the_rest_of_it_has_come_is_noticed_though_the_new_one_is_alive() -> None:
    finished = asyncio.Event()

    async def say_nothing(channel: Channel) -> None:
        await finished.wait()

    async with listening(on_channel=say_nothing) as (_, address), relayed(address) as (middle, through):
        lane = await dial_bob(through)
        lane._path = "relay"
        channel = MovingChannel(lane, is_ours=True)
        middle.is_frozen.set()
        await move(channel, address)
        with pytest.raises(ChannelClosed, match="silent"):
            async with asyncio.timeout(30):
                await channel.receive()
        finished.set()
        await channel.close()


@pytest.mark.slow
async def test_an_end_that_has_nothing_to_say_is_waited_for_and_a_path_that_has_vanished_is_not() -> None:
    finished = asyncio.Event()

    async def say_nothing(channel: Channel) -> None:
        await finished.wait()

    async with listening(on_channel=say_nothing) as (_, address), relayed(address) as (middle, through):
        lane = await dial_bob(through)
        lane._path = "relay"
        channel = MovingChannel(lane, is_ours=True)
        waiting = asyncio.gather(channel.receive())
        done, _ = await asyncio.wait([waiting], timeout=4.0)
        assert not done, "given up although it was there"
        middle.is_frozen.set()
        with pytest.raises(ChannelClosed, match="silent"):
            async with asyncio.timeout(30):
                await waiting
        assert channel.was_silent
        finished.set()
        await channel.close()


async def test_a_dialer_is_asked_to_leave_a_relay_by_either_side_and_another_path_never() -> None:
    async with movable_pair() as (one, other, address):
        assert isinstance(other, MovingChannel)
        here, nowhere = {one.remote, other.remote}, {Address("192.0.2.1", 443)}
        for channel in (one, other):
            channel.leave(here)
        await other.send(b"later")
        await one.receive()
        assert not one.must_leave.is_set()
        one._sending._path = other._sending._path = "relay"
        for relays, expected in ((nowhere, False), (here, True)):
            other.leave(relays)
            await other.send(b"later")
            await one.receive()
            assert one.must_leave.is_set() is expected
        await move(one, address)
        assert not one.must_leave.is_set()
        one._sending._path = "relay"
        one.leave(here)
        assert one.must_leave.is_set()


async def test_a_channel_from_an_address_that_is_gone_is_given_up_at_once_and_others_are_not() -> None:
    async with movable_pair() as (one, other, _):
        one.check(["192.0.2.1", "127.0.0.1"])
        assert not one.is_over
        reading = asyncio.gather(one.receive())
        await until(lambda: one._waiting_since is not None)
        one.check(["192.0.2.1"])
        with pytest.raises(ChannelClosed, match="silent"):
            await reading
        with pytest.raises(ChannelClosed):
            await other.receive()
