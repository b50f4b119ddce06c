"""Sealed messages over a connection whose bytes somebody else may touch."""

from __future__ import annotations

import asyncio

import pytest

from idas_p2p.crypto.handshake import Initiator, Refusal, Responder
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import BadSignature, ChannelClosed, FrameTooLarge, HandshakeFailed
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.secure import accept, finish_dialling, prove_responder
from idas_p2p.wire.handshake import Purpose
from tests.transport.pairs import ALICE, BOB, PSK, known_psk, raw_pair, shake_hands


async def test_a_message_that_was_not_sealed_by_the_peer_is_refused_and_the_channel_is_over() -> None:
    async with raw_pair() as (one, other):
        _, channel = await shake_hands(one, other)
        one.write(bytes(100))
        with pytest.raises(BadSignature):
            await channel.receive()
        with pytest.raises(ChannelClosed):
            await channel.send(b"")
        with pytest.raises(ChannelClosed):
            await one.receive()


async def test_a_message_announced_too_large_is_refused_by_name() -> None:
    async with raw_pair() as (one, other):
        _, channel = await shake_hands(one, other)
        one.write(bytes(MAX_MESSAGE_SIZE + 18))
        with pytest.raises(FrameTooLarge):
            await channel.receive()


async def test_a_cut_is_told_from_an_end() -> None:
    async with raw_pair() as (one, other):
        ours, theirs = await shake_hands(one, other)
        await ours.close()
        with pytest.raises(ChannelClosed, match="by the other side"):
            await theirs.receive()
    async with raw_pair() as (one, other):
        _, theirs = await shake_hands(one, other)
        one.abort()
        with pytest.raises(ChannelClosed, match="lost"):
            await theirs.receive()


async def test_nothing_of_a_message_is_on_the_wire_in_clear() -> None:
    async with raw_pair() as (one, other):
        ours, _ = await shake_hands(one, other)
        await ours.send(b"a word nobody else may read")
        assert b"word" not in await other.receive()


async def test_both_ends_name_each_other_and_the_path() -> None:
    async with raw_pair() as (one, other):
        ours, theirs = await shake_hands(one, other)
        assert (ours.peer, theirs.peer) == (BOB.node_id, ALICE.node_id)
        assert (ours.path, theirs.purpose, theirs.psk_id) == ("direct", Purpose.CONTROL, PSK.psk_id)
        assert ours.remote.host == "127.0.0.1"
        assert ALICE.node_id.short in repr(theirs)


def alice() -> Initiator:
    return Initiator(ALICE, BOB.node_id, Purpose.CONTROL, PSK, random_bytes=random_bytes)


def bob() -> Responder:
    return Responder(BOB, find_psk=known_psk, admits=lambda *_: True, random_bytes=random_bytes)


async def test_a_dialer_that_hangs_up_is_refused_by_that_name() -> None:
    async with raw_pair() as (one, other):
        one.abort()
        with pytest.raises(HandshakeFailed) as caught:
            await accept(other, bob(), path="direct")
        assert caught.value.args == (Refusal.HUNG_UP,)


async def test_a_responder_that_hangs_up_at_either_point_is_a_handshake_failed() -> None:
    async with raw_pair() as (one, other):
        other.abort()
        with pytest.raises(HandshakeFailed):
            await prove_responder(one, alice())
    async with raw_pair() as (one, other):
        initiator = alice()
        await asyncio.gather(prove_responder(one, initiator), answer(other))
        other.abort()
        with pytest.raises(HandshakeFailed):
            await finish_dialling(one, initiator, path="direct")


async def test_a_wrong_opening_is_refused_on_either_side() -> None:
    async with raw_pair() as (one, other):
        initiator = alice()
        await asyncio.gather(prove_responder(one, initiator), answer(other))
        other.write(bytes(41))
        with pytest.raises(HandshakeFailed):
            await finish_dialling(one, initiator, path="direct")
    async with raw_pair() as (one, other):
        accepting = asyncio.gather(accept(other, bob(), path="direct"))
        initiator = alice()
        await prove_responder(one, initiator)
        introduction, _ = initiator.introduce()
        one.write(introduction)
        one.write(bytes(41))
        with pytest.raises(HandshakeFailed) as caught:
            await accepting
        assert caught.value.args == (Refusal.BAD_PROOF,)


async def answer(connection: Connection) -> None:
    connection.write(bob().read_hello(await connection.receive()))
