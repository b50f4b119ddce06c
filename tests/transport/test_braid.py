"""Several connections that carry one channel: in order, whole, and cut together."""

from __future__ import annotations

import asyncio
import random

import pytest

from idas_p2p.errors import BadSignature, ChannelClosed, FrameTooLarge, WireError
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.transport.braid import MAX_STRANDS, Braid
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.gate import Gate
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.transport.strand import MORE, NUMBER_SIZE
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from tests.transport.contract import check_channel
from tests.transport.pairs import (
    BOB,
    MALLORY,
    PSK,
    braided_pair,
    dial_bob,
    direct_pair,
    movable_pair,
    move,
    until,
    widen,
)


def width(channel: Channel) -> int:
    assert isinstance(channel, MovingChannel)
    return channel.braid.width if channel.braid is not None else 0


async def took_all(channel: Channel, messages: list[bytes]) -> bool:
    return [await channel.receive() for _ in messages] == messages


def some(count: int, *, seed: int) -> list[bytes]:
    """Messages of many sizes."""
    chance = random.Random(seed)  # sizes of a test
    sizes = (chance.choice((0, 7, 3_000, 90_000)) for _ in range(count))
    return [number.to_bytes(4, "big") + chance.randbytes(size) for number, size in enumerate(sizes)]


async def widen_both(one: MovingChannel, other: Channel, address: Address) -> None:
    """Have both ends use one more connection."""
    before = width(other)
    await widen(one, address)
    await until(lambda: width(other) == before + 1)


def braid_of(channel: Channel) -> Braid:
    assert isinstance(channel, MovingChannel)
    assert channel.braid is not None
    return channel.braid


async def take_until_it_ends(end: MovingChannel | Channel | Braid) -> None:
    while True:
        await end.receive()


async def send_until_it_ends(end: Channel) -> None:
    async with asyncio.timeout(20):
        while True:
            await end.send(bytes(10_000))


async def test_a_braided_channel_keeps_what_every_channel_promises_both_ways() -> None:
    await check_channel(braided_pair)


async def test_connections_that_come_in_the_middle_of_a_transfer_change_nothing_but_what_carries_it() -> None:
    async with movable_pair(purpose=Purpose.IMAGE) as (one, other, address):
        messages = some(400, seed=1)

        async def talk() -> None:
            for number, message in enumerate(messages):
                if number in (50, 100, 200):
                    await widen_both(one, other, address)
                await other.send(message)

        talking = asyncio.gather(talk())
        assert await took_all(one, messages)
        await talking
        carried = [strand.lane.messages_sent for strand in braid_of(other)._strands]
        assert min(carried) > 1  # and not only that it was agreed on


async def test_what_was_sent_before_the_others_were_there_is_taken_first_though_it_comes_later() -> None:
    async with direct_pair() as (dialling, accepted), direct_pair() as (beside, beside_accepted):
        assert isinstance(dialling, SecureChannel)
        assert isinstance(beside, SecureChannel)
        braid, main, other = Braid(dialling, is_ours=True), braid_of(accepted)._main, braid_of(beside_accepted)._main
        braid.ask(beside)
        other.put(b"")
        other.put(bytes(NUMBER_SIZE) + b"second")
        taking = asyncio.gather(braid.receive())
        await until(lambda: braid._strands[1].head is not None)
        main.put(b"first")
        main.say_numbered()
        assert await taking == [b"first"]
        assert await braid.receive() == b"second"


async def test_what_was_sent_before_the_end_is_taken_from_every_connection_and_then_the_end() -> None:
    async with braided_pair() as (other, one):
        messages = some(60, seed=2)
        for message in messages:
            await other.send(message)
        closing = asyncio.gather(other.close())
        assert await took_all(one, messages)
        with pytest.raises(ChannelClosed, match="closed by the other side"):
            await one.receive()
        await closing


async def test_the_loss_of_one_connection_is_a_cut_of_the_channel_at_both_ends() -> None:
    async with braided_pair() as (other, one):
        await other.send(b"first")
        assert await one.receive() == b"first"
        braid_of(one)._strands[2].lane.abort()
        with pytest.raises(ChannelClosed):
            await one.receive()
        assert isinstance(one, MovingChannel)
        assert one.was_cut
        with pytest.raises(ChannelClosed):
            await send_until_it_ends(other)


async def test_a_connection_that_is_refused_costs_nothing() -> None:
    async with movable_pair(purpose=Purpose.IMAGE) as (one, other, address):
        lane = await dial_bob(address, purpose=Purpose.MOVE)
        lane.put(bytes(32) + b"\1")  # the name of no channel
        with pytest.raises(ChannelClosed):
            await lane.receive()
        thief = await dial(MALLORY, BOB.node_id, [address], purpose=Purpose.MOVE, psk=PSK, timeout=10.0)
        thief.put(one.name + b"\1")  # of another dialer's
        with pytest.raises(ChannelClosed):
            await thief.receive()
        assert width(other) == 1
        for _ in range(MAX_STRANDS - 1):
            await widen(one, address)
        await until(lambda: width(other) == MAX_STRANDS)
        late = await widen(one, address)
        await late.wait_lost()
        await other.send(b"still here")
        assert await one.receive() == b"still here"
        for end in (lane, thief):
            await end.close()


async def test_further_connections_leave_half_of_the_places_to_channels() -> None:
    async with movable_pair(purpose=Purpose.IMAGE, gate=Gate(max_channels_per_peer=6)) as (one, other, address):
        for _ in range(2):
            await widen_both(one, other, address)
        late = await widen(one, address)
        await late.wait_lost()
        assert width(other) == 3
        await other.send(b"still here")
        assert await one.receive() == b"still here"


async def test_a_channel_that_moved_is_not_braided_and_one_that_is_braided_does_not_move() -> None:
    async with movable_pair(purpose=Purpose.IMAGE) as (one, other, address):
        await move(one, address)
        assert one.braid is None
        lane = await dial_bob(address, purpose=Purpose.MOVE)
        lane.put(one.name + b"\1")
        with pytest.raises(ChannelClosed):
            await lane.receive()
        await lane.close()
        await other.send(b"moved")
        assert await one.receive() == b"moved"
    async with movable_pair(purpose=Purpose.IMAGE) as (one, other, address):
        await widen(one, address)
        await until(lambda: width(other) == 2)
        lane = await dial_bob(address, purpose=Purpose.MOVE)
        lane.put(one.name)
        with pytest.raises(ChannelClosed):
            await lane.receive()
        assert not one.may_move
        await lane.close()


async def test_every_connection_says_that_it_is_there_and_one_that_does_not_is_noticed() -> None:
    async with braided_pair() as (other, one):
        near, far = braid_of(one), braid_of(other)
        waiting = asyncio.gather(one.receive(), return_exceptions=True)
        await other.send(b"so that all know")
        await waiting
        heard = near.heard
        received = one.bytes_received
        for _ in range(2):  # the first beat may pass what has just said something
            far.beat()
        await until(lambda: one.bytes_received - received >= 4 * 17)
        assert near.heard == heard + 1
        received = one.bytes_received
        for strand in far._strands[:3]:
            strand.lane.say_alive()
        await until(lambda: one.bytes_received - received >= 3 * 17)
        assert near.heard == heard + 1  # one was not heard


@pytest.mark.parametrize("numbers", [[1, 2], [0, 0, 1]], ids=["the first is missing", "one comes twice"])
async def test_a_message_that_never_comes_is_not_waited_for_once_every_connection_has_a_later_one(
    numbers: list[int],
) -> None:
    async with direct_pair() as (dialling, accepted):
        assert isinstance(dialling, SecureChannel)
        braid, main = Braid(dialling, is_ours=True), braid_of(accepted)._main
        main.say_numbered()
        for number in numbers:
            main.put(number.to_bytes(NUMBER_SIZE) + b"x")
        with pytest.raises(WireError):
            await take_until_it_ends(braid)


async def test_a_message_without_a_number_among_numbered_ones_ends_the_channel() -> None:
    async with direct_pair() as (dialling, accepted):
        assert isinstance(dialling, SecureChannel)
        one, main = MovingChannel(dialling, is_ours=True), braid_of(accepted)._main
        main.say_numbered()
        main.put(b"short")
        with pytest.raises(WireError):
            await one.receive()
        assert one.is_over


async def test_pieces_that_would_make_too_long_a_message_end_the_channel() -> None:
    async with direct_pair() as (dialling, accepted):
        assert isinstance(dialling, SecureChannel)
        one, main = MovingChannel(dialling, is_ours=True), braid_of(accepted)._main
        main.say_numbered()
        for number in range(3):
            main.put((number | MORE).to_bytes(NUMBER_SIZE) + bytes(MAX_MESSAGE_SIZE // 2))
        with pytest.raises(FrameTooLarge):
            await one.receive()
        assert one.is_over


async def test_a_changed_message_on_any_connection_ends_the_channel() -> None:
    async with braided_pair() as (other, one):
        braid_of(other)._strands[1].lane._connection.write(bytes(40))
        with pytest.raises(BadSignature):
            await take_until_it_ends(one)
